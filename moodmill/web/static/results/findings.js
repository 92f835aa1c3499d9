// What pages ask of a store; in a report, of what it holds. A finding is a table: columns, rows, and how they came about.
import { answer, saved } from "moodmill/api.js";

/**
 * @typedef {{columns: string[], rows: any[][], remarks: string[], queries: string[]}} Finding
 * @typedef {{name: string, group: string, threshold: number}} Emotion
 * @typedef {{model: string, comments: number, untimed: number, first: string | null,
 *   last: string | null, subreddits: number, emotions: Emotion[], counted: number, groups: Record<string, number>,
 *   none: number, remarks: string[], queries: string[]}} Facts
 * @typedef {Record<string, any>} Row
 */

/**
 * What an address says of a question; what is not said is left out.
 * @param {Record<string, any>} asked
 */
export function queryOf(asked) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(asked))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== "" && one !== 0 && one != null) given.append(name, String(one));
  return given.toString();
}

/**
 * @param {string} question
 * @param {Record<string, any>} asked
 * @param {AbortSignal} [signal]
 * @returns {Promise<Finding>}
 */
export async function askFinding(question, asked, signal) {
  return (await answer(`results/${question}?${queryOf(asked)}`, undefined, signal)).json();
}

/** @returns {Promise<Facts>} */
export async function askFacts() {
  return saved ? saved.facts : (await answer("store")).json();
}

/** @param {string} question @param {Record<string, any>} asked */
export const csvAddress = (question, asked) => `results/${question}.csv?${queryOf(asked)}`;

/**
 * The rows by the names of their columns.
 * @param {Finding} finding
 * @returns {Row[]}
 */
export const rowsOf = (finding) =>
  finding.rows.map((row) => Object.fromEntries(finding.columns.map((name, at) => [name, row[at]])));

/** How a field begins that a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** @param {Finding} finding */
export function csvOf(finding) {
  /** @param {any} value */
  const field = (value) => {
    const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [finding.columns, ...finding.rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}
