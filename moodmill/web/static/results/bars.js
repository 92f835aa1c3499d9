// Bars of shares, each with its 95 % interval.
import { html } from "moodmill/dom.js";
import { interval, share, stepOf } from "moodmill/results/numbers.js";

/** Pixels. */
const ROW = 26;
const BAR = 13;
const HEAD = 22;
/** Of a row whose name stands above its bar, where it has no room beside it. */
const TALL = 44;

/**
 * @typedef {{name: string, href?: string, onPick?: () => void, value: number | null, low: number, high: number, color: string, mark?: number | null,
 *   hint?: string}} Bar
 */

/**
 * Draw bars below each other. `mark` is a value to compare with, a line across the bar.
 * @param {{bars: Bar[], width: number, label: string, named?: number}} props `named`: pixels of the names.
 */
export function Bars({ bars, width, label, named = 118 }) {
  const numbered = width < 520 ? 62 : 150;
  const above = named > width * 0.4;
  const [left, tall] = above ? [2, TALL] : [named, ROW];
  const room = Math.max(40, width - left - numbered - 8);
  const most = Math.max(0.001, ...bars.map((bar) => Math.max(bar.value == null ? 0 : bar.high, bar.mark ?? 0)));
  const step = stepOf(most, room < 260 ? 3 : 6);
  const marks = Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
  const x = (/** @type {number} */ value) => left + (room * value) / most;
  const height = HEAD + bars.length * tall + 4;
  return html`<svg class="drawing" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${label}>
    <g aria-hidden="true">${marks.map((value) => html`<line class="grid" x1=${x(value)} x2=${x(value)} y1=${HEAD - 4} y2=${height} />
      <text class="tick" x=${x(value)} y=${HEAD - 9} text-anchor="middle">${share(value)}</text>`)}</g>
    ${bars.map((bar, at) => html`<${Row} bar=${bar} y=${HEAD + (at + 1) * tall - ROW / 2} x=${x} above=${above} left=${left} right=${width} wide=${numbered > 100} />`)}
  </svg>`;
}

/** @param {{bar: Bar, y: number, x: (value: number) => number, above: boolean, left: number, right: number, wide: boolean}} props */
function Row({ bar, y, x, above, left, right, wide }) {
  const { name, href, onPick, value, low, high, color, mark, hint } = bar;
  const text = above ? html`<text class="name" x=${left} y=${y - 20} dominant-baseline="central">${name}</text>`
    : html`<text class="name" x=${left - 8} y=${y} text-anchor="end" dominant-baseline="central">${name}</text>`;
  const named = href ? html`<a href=${href} onClick=${onPick}>${text}</a>` : text;
  if (value == null) return html`<g>${named}</g>`;
  const said = `${name}: ${share(value)} (${interval(low, high)})${hint ? `, ${hint}` : ""}`;
  return html`<g>
    <title>${said}</title>
    ${named}
    <rect x=${x(0)} y=${y - BAR / 2} width=${Math.max(1, x(value) - x(0))} height=${BAR} rx="3" style=${{ fill: color }} />
    <line class="whisker" x1=${x(low)} x2=${x(high)} y1=${y} y2=${y} />
    <line class="whisker" x1=${x(low)} x2=${x(low)} y1=${y - 3} y2=${y + 3} />
    <line class="whisker" x1=${x(high)} x2=${x(high)} y1=${y - 3} y2=${y + 3} />
    ${mark != null && html`<line class="compared" x1=${x(mark)} x2=${x(mark)} y1=${y - ROW / 2 + 3} y2=${y + ROW / 2 - 3} />`}
    <text class="value" x=${right - 2} y=${y} text-anchor="end" dominant-baseline="central">${share(value)}${wide ? ` (${interval(low, high)})` : ""}</text>
  </g>`;
}
