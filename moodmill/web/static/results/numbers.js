// How shares, intervals and times are written.
import { count } from "moodmill/format.js";

const NARROW = "\u202f";

/** @param {number | null} share */
export const share = (share) => (share == null ? "" : `${points(share)}${NARROW}%`);

/** @param {number} share */
function points(share) {
  const percent = 100 * share;
  return percent.toFixed(percent !== 0 && Math.abs(percent) < 0.1 ? 2 : 1);
}

/** @param {number} low @param {number} high */
export const interval = (low, high) => `${points(low)}\u2013${points(high)}`;

/** @param {number} value */
export const signedPoints = (value) => `${value > 0 ? "+" : value < 0 ? "\u2212" : ""}${points(Math.abs(value))}`;

/** @param {number} low @param {number} high */
export const signedInterval = (low, high) => `${signedPoints(low)} to ${signedPoints(high)}`;

/** @param {number} n */
export const comments = (n) => (n === 1 ? "1 comment" : `${count(n)} comments`);

/** Whether something is a time on a side of a comparison, or from one to another. @param {string} side */
export const isTime = (side) => /^\d{4}(-\d\d(-\d\d)?)?(\.\.\d{4}(-\d\d(-\d\d)?)?)?$/.test(side);

/** @param {string | null} name */
export const subreddit = (name) => (name ? `r/${name}` : "no subreddit");

/** @param {string} start @param {string} grain */
export const period = (start, grain) => (grain === "month" ? start.slice(0, 7) : grain === "week" ? `week of ${start}` : start);

/**
 * A step that people count in, so that an axis has about as many marks as asked for.
 * @param {number} most @param {number} marks
 */
export function stepOf(most, marks) {
  const rough = most / marks;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? rough;
}
