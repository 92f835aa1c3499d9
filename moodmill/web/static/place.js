// Where a reader is: every state of a page is an address.
import { useCallback, useEffect, useState } from "preact/hooks";
import { saved } from "moodmill/api.js";

/** @typedef {{text: string, segment: number, layer: number, head: number, token: number, emotion: string, top: number}} Place */

/** What counts from 1 in an address. */
const COUNTED = ["segment", "layer", "head", "token"];
/** How long a place stays as it is before the address follows, in ms: browsers refuse many changes of an address. */
const CALM = 150;

/**
 * @param {Place} first
 * @returns {Place}
 */
function readPlace(first) {
  if (saved) return saved.place;
  /** @type {any} */
  const place = { ...first };
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (!(name in first)) continue;
    if (typeof place[name] === "string") place[name] = value;
    else if (/^\d{1,6}$/.test(value)) place[name] = Math.max(0, Number(value) - (COUNTED.includes(name) ? 1 : 0));
  }
  return place;
}

/**
 * @param {Place} place
 * @param {Place} first
 */
function writePlace(place, first) {
  const given = new URLSearchParams({ text: place.text });
  for (const name of /** @type {(keyof Place)[]} */ (Object.keys(first))) {
    const value = place[name];
    if (name === "text" || value === first[name]) continue;
    given.set(name, typeof value === "number" && COUNTED.includes(name) ? String(value + 1) : String(value));
  }
  history.replaceState(null, "", `?${given}`);
}

/**
 * Return the place, and what changes it. Another text is read from its beginning.
 * @param {Place} first The place of an address that says nothing.
 * @returns {[Place, (change: Partial<Place>) => void]}
 */
export function usePlace(first) {
  const [place, setPlace] = useState(() => readPlace(first));
  const go = useCallback((/** @type {any} */ change) => setPlace((/** @type {any} */ before) => {
    if (Object.keys(change).every((name) => before[name] === change[name])) return before;
    return { ...before, ...change, ...("text" in change ? { segment: 0, token: 0 } : {}) };
  }), []);
  useEffect(() => {
    if (saved) return;
    const timer = setTimeout(() => writePlace(place, first), CALM);
    return () => clearTimeout(timer);
  }, [place]);
  return [place, go];
}
