// Differences of shares about zero, each with its 95 % interval.
import { html } from "moodmill/dom.js";
import { signedPoints, signedInterval, stepOf } from "moodmill/results/numbers.js";

/** Pixels. */
const ROW = 26;
const HEAD = 40;

/** @param {string} name */
const short = (name) => (name.length > 22 ? `${name.slice(0, 21)}\u2026` : name);

/** @typedef {{name: string, href: string | undefined, value: number, low: number, high: number, color: string}} Difference */

/** @param {{rows: Difference[], width: number, label: string, a: string, b: string}} props */
export function Differences({ rows, width, label, a, b }) {
  const numbered = width < 520 ? 52 : 158;
  const left = Math.min(118, width * 0.34);
  const room = Math.max(40, width - left - numbered - 12);
  const most = Math.max(0.001, ...rows.map((row) => Math.max(Math.abs(row.low), Math.abs(row.high))));
  const step = stepOf(most, room < 260 ? 2 : 3);
  const marks = Array.from({ length: 2 * Math.floor(most / step) + 1 }, (_, at) => (at - Math.floor(most / step)) * step);
  const x = (/** @type {number} */ value) => left + (room * (value + most)) / (2 * most);
  const height = HEAD + rows.length * ROW + 4;
  return html`<svg class="drawing" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${label}>
    <g aria-hidden="true">
      <text class="tick side" x=${x(0) - 10} y="12" text-anchor="end">${"\u2190"} more in ${short(b)}</text>
      <text class="tick side" x=${x(0) + 10} y="12" text-anchor="start">more in ${short(a)} ${"\u2192"}</text>
      ${marks.map((value) => html`<line class=${value === 0 ? "zero" : "grid"} x1=${x(value)} x2=${x(value)} y1=${HEAD - 6} y2=${height} />
        <text class="tick" x=${x(value)} y=${HEAD - 11} text-anchor="middle">${signedPoints(value)}</text>`)}</g>
    ${rows.map(({ name, href, value, low, high, color }, at) => {
      const y = HEAD + at * ROW + ROW / 2;
      const sure = low > 0 || high < 0;
      return html`<g>
        <title>${`${name}: ${signedPoints(value)} points (${signedInterval(low, high)})${sure ? "" : ": may be chance"}`}</title>
        <a href=${href}><text class="name" x=${left - 8} y=${y} text-anchor="end" dominant-baseline="central">${name}</text></a>
        <line class="reach" x1=${x(low)} x2=${x(high)} y1=${y} y2=${y} style=${{ stroke: color }} />
        <circle cx=${x(value)} cy=${y} r="5.5" style=${sure ? { fill: color, stroke: color } : { fill: "var(--card)", stroke: color }} stroke-width="2" />
        <text class="value" x=${width - 2} y=${y} text-anchor="end" dominant-baseline="central">${signedPoints(value)}${numbered > 100 ? ` (${signedInterval(low, high)})` : ""}</text>
      </g>`;
    })}
  </svg>`;
}
