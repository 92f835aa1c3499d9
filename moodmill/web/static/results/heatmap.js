// A table whose cells are the darker, the larger the share; each column may put the rows in order.
import { html } from "moodmill/dom.js";
import { interval, share } from "moodmill/results/numbers.js";

/** How much of a color a cell of the largest share has, in percent: what is written on it stays legible. */
const STRONGEST = 55;

/** @typedef {{value: number | null, hint: string}} Cell */
/** @typedef {{name: string, color: string, group: string}} Column */

/** @param {number | null} value @param {number} most */
const strength = (value, most) => (value == null || most <= 0 ? 0 : STRONGEST * Math.sqrt(value / most));

/** @param {number | null} value */
const short = (value) => (value == null ? "" : value === 0 ? "0" : value < 0.01 ? "<1" : (100 * value).toFixed(0));

/**
 * @param {{rows: {name: string, href: string | undefined, note: string, cells: Cell[]}[], columns: Column[], sorted: string, onSort: ((name: string) => void) | null,
 *   label: string, of: string}} props `of`: what a row is.
 */
export function HeatMap({ rows, columns, sorted, onSort, label, of }) {
  const most = Math.max(0, ...rows.flatMap((row) => row.cells.map((cell) => cell.value ?? 0)));
  return html`<p class="soft hint">Swipe for all ${columns.length} columns.</p>
  <div class="wide" tabindex="0" role="region" aria-label=${label}><table class="heat">
    <thead><tr><th scope="col" class="corner">${of}</th>${columns.map(({ name, group }) => html`
      <th scope="col" class=${group} aria-sort=${sorted === name ? "descending" : null}>${onSort
        ? html`<button type="button" aria-label=${`Sort by ${name}`} onClick=${() => onSort(sorted === name ? "" : name)}>${name}${sorted === name ? " \u2193" : ""}</button>`
        : html`<span>${name}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr><th scope="row">${row.href ? html`<a href=${row.href}><bdi>${row.name}</bdi></a>` : html`<bdi>${row.name}</bdi>`}<small class="soft"> ${row.note}</small></th>
      ${row.cells.map((cell, at) => html`<td title=${cell.hint} style=${{ "--strength": `${strength(cell.value, most)}%`, "--cell": columns[at].color }}>${short(cell.value)}</td>`)}
    </tr>`)}</tbody></table></div>`;
}

/** Pixels of a picture that is saved. */
const SIZE = 30;
const NAMES = 190;
const HEAD = 110;

/** The same as a picture. @param {Parameters<typeof HeatMap>[0]} props */
export function heatPicture({ rows, columns, label }) {
  const most = Math.max(0, ...rows.flatMap((row) => row.cells.map((cell) => cell.value ?? 0)));
  const [width, height] = [NAMES + columns.length * SIZE + 8, HEAD + rows.length * SIZE + 8];
  return html`<svg class="drawing" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
    ${columns.map(({ name }, at) => html`<text class="name" transform=${`translate(${NAMES + at * SIZE + SIZE / 2 + 4},${HEAD - 6}) rotate(-90)`}>${name}</text>`)}
    ${rows.map((row, line) => html`<text class="name" x=${NAMES - 8} y=${HEAD + line * SIZE + SIZE / 2} text-anchor="end" dominant-baseline="central">${row.name}</text>
      ${row.cells.map((cell, at) => html`<rect x=${NAMES + at * SIZE + 1} y=${HEAD + line * SIZE + 1} width=${SIZE - 2} height=${SIZE - 2}
        style=${{ fill: columns[at].color }} fill-opacity=${strength(cell.value, most) / 100} />
        <text class="tick" x=${NAMES + at * SIZE + SIZE / 2} y=${HEAD + line * SIZE + SIZE / 2} text-anchor="middle" dominant-baseline="central">${short(cell.value)}</text>`)}`)}
  </svg>`;
}

/** @param {string} row @param {string} column @param {any} found @param {string} measure */
export const hintOf = (row, column, found, measure) =>
  `${row}, ${column}: ${share(found[measure])} (${interval(found[`${measure}_low`], found[`${measure}_high`])})`;
