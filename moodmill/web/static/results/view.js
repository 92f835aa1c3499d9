// What a page shows is an address: its parameters, and what changes them.
import { useCallback, useEffect, useState } from "preact/hooks";
import { address, saved } from "moodmill/api.js";
import { MEASURES } from "moodmill/results/emotions.js";
import { queryOf } from "moodmill/results/findings.js";

/** @typedef {Record<string, string | number | string[]>} View */

/** What all pages of results have in common, and links carry on. */
export const SHARED = { since: "", until: "", measure: "share" };

/**
 * @template {View} V
 * @param {V} first
 * @returns {V}
 */
function readView(first) {
  /** @type {any} */
  const view = { ...first };
  const given = new URLSearchParams(location.search);
  for (const [name, value] of given) {
    if (!(name in first)) continue;
    if (Array.isArray(first[name])) view[name] = given.getAll(name);
    else if (typeof first[name] !== "number") view[name] = value;
    else if (/^\d{1,6}$/.test(value)) view[name] = Number(value);
  }
  if (!Object.hasOwn(MEASURES, view.measure)) view.measure = first.measure;
  return view;
}

/**
 * The parameters that are not those of an address which says nothing.
 * @param {View} view @param {View} first
 */
const said = (view, first) => Object.fromEntries(Object.entries(view).filter(([name, value]) => String(value) !== String(first[name])));

/**
 * Return what the address says, and what changes it; each change can be taken back by the browser's Back.
 * @template {View} V
 * @param {V} first What an address stands for that says nothing.
 * @returns {[V, (change: Partial<V>) => void]}
 */
export function useView(first) {
  const [view, setView] = useState(() => (saved ? first : readView(first)));
  useEffect(() => {
    if (saved) return;
    const back = () => setView(readView(first));
    window.addEventListener("popstate", back);
    return () => window.removeEventListener("popstate", back);
  }, []);
  const go = useCallback((/** @type {Partial<V>} */ change) => setView((/** @type {V} */ before) => {
    const after = { ...before, ...change };
    const query = queryOf(said(after, first));
    const next = query ? `?${query}` : location.pathname;
    if (!saved && next !== (location.search || location.pathname)) history.pushState(null, "", next);
    return after;
  }), []);
  return [view, go];
}

/**
 * The address of another page, with the time and the measure that are looked at.
 * @param {string} path @param {View} view @param {View} [more]
 */
export function linkTo(path, view, more = {}) {
  if (saved) return undefined; // there is no server behind a file
  const shared = Object.fromEntries(Object.entries(SHARED).map(([name, none]) => [name, view[name] ?? none]));
  const query = queryOf({ ...said(shared, SHARED), ...more });
  return address(path + (query ? `?${query}` : ""));
}

/** Open another page. @type {(path: string, view: View, more?: View) => void} */
export const open = (path, view, more) => location.assign(linkTo(path, view, more) ?? "#");

/** What an address has behind a place, as it was before it became one. @param {string} path */
export function behind(path) {
  const written = location.pathname.slice(address(path).length);
  try {
    return decodeURIComponent(written);
  } catch {
    return written; // somebody's own percent signs
  }
}

/** @param {string} name */
export const emotionPath = (name) => `/emotion/${name}`;
/** @param {string} name */
export const subredditPath = (name) => `/subreddit/${encodeURIComponent(name)}`;
