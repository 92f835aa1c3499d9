// Shares over time with their 95 % intervals, and below them how many comments there are.
import { useMemo, useState } from "preact/hooks";
import { html } from "moodmill/dom.js";
import { comments, interval, period, share, stepOf } from "moodmill/results/numbers.js";

/** Pixels. */
const HEIGHT = 300;
const BELOW = 62;
const LEFT = 46;
const TOP = 12;
const LABEL = 13;
const LETTER = 7;
const DAY = 86_400_000;
/** How long a period is at most, in days: lines are broken where the next is later. */
const LONGEST = /** @type {Record<string, number>} */ ({ day: 1, week: 7, month: 31 });

/**
 * @typedef {{start: string, comments: number, value: number, low: number, high: number}} Point
 * @typedef {{name: string, of: string | null, color: string, dash: string, points: Point[]}} Series
 */

/** @param {string} start */
const timeOf = (start) => Date.parse(`${start}T00:00Z`);

/**
 * The parts of a line that are drawn in one: points of few comments, and gaps, break it.
 * @param {Point[]} points @param {string} grain @param {number} least
 */
function parts(points, grain, least) {
  /** @type {Point[][]} */
  const found = [];
  let before = -Infinity;
  for (const point of points) {
    const now = timeOf(point.start);
    if (point.comments < least) continue;
    if (now - before > LONGEST[grain] * DAY + DAY / 2) found.push([]);
    found[found.length - 1].push(point);
    before = now;
  }
  return found;
}

/**
 * Days on which an axis has marks, and what they are called.
 * @param {number} first @param {number} last @param {number} most
 */
function marksOf(first, last, most) {
  const days = (last - first) / DAY;
  const at = new Date(first);
  /** @type {[number, string][]} */
  const marks = [];
  if (days <= 62) {
    const step = Math.max(1, Math.ceil(days / most));
    for (let time = first; time <= last; time += step * DAY) marks.push([time, new Date(time).toISOString().slice(5, 10)]);
    return marks;
  }
  const months = Math.max(1, Math.ceil(days / 30.4 / most));
  const step = [1, 2, 3, 6, 12, 24, 60, 120].find((one) => one >= months) ?? 240;
  for (let month = at.getUTCFullYear() * 12 + at.getUTCMonth(); ; month++) {
    const time = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (time > last) return marks;
    if (time >= first && month % step === 0) marks.push([time, new Date(time).toISOString().slice(0, step < 12 ? 7 : 4)]);
  }
}

/**
 * Where labels at the ends of lines stand, so that none is upon another.
 * @param {{y: number}[]} labels @param {number} bottom
 */
function spread(labels, bottom) {
  const order = [...labels].sort((one, other) => one.y - other.y);
  order.forEach((label, at) => { if (at) label.y = Math.max(label.y, order[at - 1].y + LABEL); });
  order.reverse().forEach((label, at) => { label.y = Math.min(label.y, at ? order[at - 1].y - LABEL : bottom); });
}

/**
 * @param {{series: Series[], grain: string, width: number, label: string, least: number}} props
 */
export function Lines({ series, grain, width, label, least }) {
  const [pointed, setPointed] = useState(/** @type {string | null} */ (null));
  const starts = useMemo(() => [...new Set(series.flatMap((one) => one.points.map((point) => point.start)))].sort(), [series]);
  const longest = Math.max(...series.map((one) => one.name.length));
  const right = Math.min(12 + LETTER * longest, width * 0.4);
  const room = Math.max(60, width - LEFT - right);
  const [first, last] = [timeOf(starts[0]), timeOf(starts[starts.length - 1])];
  const shown = series.flatMap((one) => one.points.filter((point) => point.comments >= least));
  const most = Math.max(0.001, ...shown.map((point) => point.high));
  const step = stepOf(most, 5);
  const top = Math.ceil(most / step) * step;
  const x = (/** @type {string} */ start) => LEFT + 6 + ((room - 12) * (timeOf(start) - first)) / Math.max(DAY, last - first);
  const y = (/** @type {number} */ value) => TOP + (HEIGHT - TOP) * (1 - value / top);
  const height = HEIGHT + BELOW + 22;
  const totals = starts.map((start) => commentsAt(series, start));
  const fullest = Math.max(...totals);
  const thick = Math.max(1, Math.min(24, (room / starts.length) * 0.7));
  const ends = series.map((one) => {
    const seen = one.points.filter((point) => point.comments >= least);
    return { ...one, y: seen.length ? y(seen[seen.length - 1].value) : NaN };
  }).filter((one) => !Number.isNaN(one.y));
  spread(ends, HEIGHT - 2);
  /** @param {any} event */
  const point = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (event.clientX - box.left) * (width / box.width);
    const near = starts.reduce((best, start) => (Math.abs(x(start) - at) < Math.abs(x(best) - at) ? start : best), starts[0]);
    setPointed(near);
  };
  return html`<div class="timed"><svg class="drawing" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}
      onPointerMove=${point} onPointerLeave=${() => setPointed(null)}>
    ${Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step).map((value) => html`
      <line class="grid" x1=${LEFT} x2=${LEFT + room} y1=${y(value)} y2=${y(value)} />
      <text class="tick" x=${LEFT - 6} y=${y(value)} text-anchor="end" dominant-baseline="central">${share(value)}</text>`)}
    ${marksOf(first, last, Math.max(2, Math.floor(room / 70))).map(([time, name]) => {
      const at = LEFT + 6 + ((room - 12) * (time - first)) / Math.max(DAY, last - first);
      return html`<line class="grid" x1=${at} x2=${at} y1=${TOP} y2=${HEIGHT + BELOW} />
        <text class="tick" x=${at} y=${height - 4} text-anchor="middle">${name}</text>`;
    })}
    ${starts.map((start, at) => {
      const tall = (totals[at] / fullest) * (BELOW - 14);
      return html`<rect class=${start === pointed ? "amount pointed-at" : "amount"} x=${x(start) - thick / 2} width=${thick} y=${HEIGHT + BELOW - tall} height=${tall} />`;
    })}
    <text class="tick" x=${LEFT - 6} y=${HEIGHT + BELOW - 4} text-anchor="end">n</text>
    ${series.map((one) => parts(one.points, grain, least).map((part) => html`<g style=${{ "--series": one.color }}>
      ${part.length > 1 && html`<path class="band" d=${`M${part.map((p) => `${x(p.start)},${y(p.high)}`).join("L")}L${[...part].reverse().map((p) => `${x(p.start)},${y(p.low)}`).join("L")}Z`} />`}
      ${part.length === 1 && html`<line class="reach" x1=${x(part[0].start)} x2=${x(part[0].start)} y1=${y(part[0].low)} y2=${y(part[0].high)} />`}
      <path class="line" stroke-dasharray=${one.dash} d=${`M${part.map((p) => `${x(p.start)},${y(p.value)}`).join("L")}`} />
      ${(part.length < 40 ? part : []).map((p) => html`<circle class="spot" cx=${x(p.start)} cy=${y(p.value)} r="2.6" />`)}
    </g>`))}
    ${pointed && html`<line class="zero" x1=${x(pointed)} x2=${x(pointed)} y1=${TOP} y2=${HEIGHT + BELOW} />`}
    ${ends.map((one) => html`<text class="name" x=${LEFT + room + 4} y=${one.y} dominant-baseline="central">${one.name}</text>
      <line x1=${LEFT + room - 6} x2=${LEFT + room + 2} y1=${one.y} y2=${one.y} style=${{ stroke: one.color }} stroke-width="2" stroke-dasharray=${one.dash} />`)}
  </svg>
  <p class="soft pointer" aria-hidden="true">${pointed ? said(series, pointed, grain, least) : "Point at a time for its numbers; the table has all."}</p></div>`;
}

/**
 * How many comments a period has: those of each subreddit once, however many emotions of it are shown.
 * @param {Series[]} series @param {string} start
 */
function commentsAt(series, start) {
  const found = new Map(series.map((one) => [one.of, one.points.find((point) => point.start === start)?.comments ?? 0]));
  return [...found.values()].reduce((sum, n) => sum + n, 0);
}

/**
 * What is said of a period.
 * @param {Series[]} series @param {string} start @param {string} grain @param {number} least
 */
function said(series, start, grain, least) {
  const there = series.map((one) => ({ one, point: one.points.find((point) => point.start === start) })).filter((each) => each.point);
  const parts = there.map(({ one, point }) => point && (point.comments < least
    ? `${one.name}: ${comments(point.comments)}, too few`
    : `${one.name} ${share(point.value)} (${interval(point.low, point.high)})`));
  return `${period(start, grain)}, ${comments(commentsAt(series, start))}: ${parts.join(" · ")}`;
}
