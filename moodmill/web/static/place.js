// Where a reader is: every state of a page is an address.
import { saved } from "moodmill/api.js";

/** @typedef {{text: string, segment: number, layer: number, head: number, token: number, emotion: string, top: number}} Place */

const NUMBERS = ["segment", "layer", "head", "token", "top"];

/**
 * Return the place of this address. Layers and heads count from 1 in it.
 * @param {Place} first
 * @returns {Place}
 */
export function readPlace(first) {
  if (saved) return saved.place;
  const given = new URLSearchParams(location.search);
  /** @type {any} */
  const place = { ...first };
  for (const [name, value] of given) {
    if (!(name in place)) continue;
    if (!NUMBERS.includes(name)) place[name] = value;
    else if (/^\d{1,6}$/.test(value)) place[name] = Math.max(0, Number(value) - (name === "top" ? 0 : 1));
  }
  return place;
}

/**
 * @param {Place} place
 * @param {Place} first
 */
export function writePlace(place, first) {
  if (saved) return;
  const given = new URLSearchParams({ text: place.text });
  for (const name of /** @type {(keyof Place)[]} */ (Object.keys(first))) {
    if (name === "text" || place[name] === first[name]) continue;
    const value = place[name];
    given.set(name, typeof value === "number" && name !== "top" ? String(value + 1) : String(value));
  }
  history.replaceState(null, "", `?${given}`);
}
