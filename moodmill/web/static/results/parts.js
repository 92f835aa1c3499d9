// The charts of findings: the same on every page, and in a report.
import { html } from "moodmill/dom.js";
import { count, probability } from "moodmill/format.js";
import { Bars } from "moodmill/results/bars.js";
import { Chart } from "moodmill/results/chart.js";
import { Differences } from "moodmill/results/differences.js";
import { DASHES, MEASURES, variant } from "moodmill/results/emotions.js";
import { rowsOf } from "moodmill/results/findings.js";
import { HeatMap, heatPicture, hintOf } from "moodmill/results/heatmap.js";
import { Lines } from "moodmill/results/lines.js";
import { comments, interval, share, subreddit } from "moodmill/results/numbers.js";
import { emotionPath, linkTo, subredditPath } from "moodmill/results/view.js";

/** @typedef {import("moodmill/results/findings.js").Finding} Finding */
/** @typedef {Record<string, {color: string, group: string, dash: string}>} Looks */
/** @typedef {{finding: Finding, view: any, looks: Looks, asked?: any}} Props */

/** Comments below which a number is little but chance, and left blank. */
export const LEAST = 30;

/** @param {any} row @param {string} measure */
const estimate = (row, measure) => ({ value: row[measure], low: row[`${measure}_low`], high: row[`${measure}_high`] });

/**
 * All emotions, the most frequent first; `beside`: another overview, whose values are marked; `onPick`: what a name does.
 * @param {Props & {beside?: Finding | null, onPick?: (name: string) => void}} props
 */
export function EmotionBars({ finding, view, looks, asked, beside, onPick }) {
  const other = beside ? Object.fromEntries(rowsOf(beside).map((row) => [row.emotion, row[view.measure]])) : {};
  const bars = rowsOf(finding)
    .map((row) => ({
      name: row.emotion,
      href: onPick ? "#time" : linkTo(emotionPath(row.emotion), view),
      onPick: onPick && (() => onPick(row.emotion)),
      ...estimate(row, view.measure),
      color: looks[row.emotion].color,
      mark: other[row.emotion] ?? null,
      hint: `found in ${count(row.found)} of ${comments(row.comments)}`,
    }))
    .sort((one, another) => another.value - one.value);
  const title = `${MEASURES[view.measure]} of 27 emotions`;
  return html`<${Chart} title=${title} name="emotions" finding=${finding} question="overview" asked=${asked}
    picture=${(/** @type {number} */ width) => html`<${Bars} bars=${bars} width=${width} label=${title} />`} />`;
}

/** What is shown where no subreddit has enough comments. @param {{least: number, onLeast?: (least: number) => void}} props */
const TooFew = ({ least, onLeast }) => html`<p>No subreddit has ${comments(least)} or more.${" "}
  ${onLeast && least > 1 && html`<button type="button" onClick=${() => onLeast(1)}>Show those with fewer</button>`}</p>`;

/** Subreddits by an emotion. @param {Props & {emotion: string, onLeast: (least: number) => void}} props */
export function RankBars({ finding, view, looks, asked, emotion, onLeast }) {
  const rows = rowsOf(finding);
  if (!rows.length) return asked.named ? html`<p>No subreddit of these has a name with ${asked.named} in it.</p>` : html`<${TooFew} least=${asked.least} onLeast=${onLeast} />`;
  const bars = rows.map((row) => ({
    name: `${row.rank}. ${row.subreddit.length > 22 ? `${row.subreddit.slice(0, 21)}\u2026` : row.subreddit}`,
    href: linkTo(subredditPath(row.subreddit), view),
    ...estimate(row, view.measure),
    color: looks[emotion].color,
    hint: `${comments(row.comments)}`,
  }));
  const title = `${MEASURES[view.measure]} of ${emotion} by subreddit`;
  return html`<${Chart} title=${title} name=${`${emotion}-by-subreddit`} finding=${finding} question="rank" asked=${asked}
    picture=${(/** @type {number} */ width) => html`<${Bars} bars=${bars} width=${width} label=${title} named=${210} />`} />`;
}

/**
 * Emotions over time; of several subreddits, each by itself. One day has no time to show, but its numbers.
 * @param {Props & {shown: string[], name?: string}} props
 */
export function TrendChart({ finding, view, looks, asked, shown, name = "trend" }) {
  const grain = finding.columns[2];
  const rows = rowsOf(finding).filter((row) => shown.includes(row.emotion));
  const subreddits = [...new Set(rows.map((row) => row.subreddit))];
  const starts = new Set(rows.map((row) => row[grain]));
  const enough = rows.some((row) => row.comments >= LEAST);
  const title = `${MEASURES[view.measure]} by ${grain}: ${shown.join(", ")}`;
  if (!shown.length) return html`<p>Choose an emotion.</p>`;
  const series = shown.flatMap((emotion) => subreddits.map((of, at) => ({
    name: subreddits.length > 1 ? (shown.length > 1 ? `${emotion}, ${of}` : subreddit(of)) : emotion,
    of,
    color: variant(looks[emotion].color, subreddits.length > 1 ? at : 0),
    dash: subreddits.length > 1 ? DASHES[at % DASHES.length] : looks[emotion].dash,
    points: rows.filter((row) => row.emotion === emotion && row.subreddit === of)
      .map((row) => ({ start: row[grain], comments: row.comments, ...estimate(row, view.measure) })),
  })));
  if (starts.size > 1 && !enough) return html`<p>No ${grain} has ${comments(LEAST)} or more: fewer say little over time.</p>
    <${Chart} title=${title} name=${name} finding=${finding} question="trend" asked=${asked} />`;
  if (starts.size < 2) {
    const [only] = starts;
    const bars = series.map(({ name, color, points }) => ({ name, color, ...points[0] }));
    return html`<p>All of these comments are of ${grain === "day" ? only : `the ${grain} of ${only}`}: there is no time to show.</p>
      <${Chart} title=${title} name=${name} finding=${finding} question="trend" asked=${asked}
        picture=${(/** @type {number} */ width) => html`<${Bars} bars=${bars} width=${width} label=${title} />`} />`;
  }
  return html`<${Chart} title=${title} name=${name} finding=${finding} question="trend" asked=${asked}
    picture=${(/** @type {number} */ width) => html`<${Lines} series=${series} grain=${grain} width=${width} label=${title} least=${LEAST} />`} />`;
}

/** @param {Props & {onSort: ((name: string) => void) | null, onLeast?: (least: number) => void}} props */
export function HeatMapPart({ finding, view, looks, asked, onSort, onLeast }) {
  /** @type {Map<string, any[]>} */
  const bySubreddit = new Map();
  const enough = rowsOf(finding).filter((row) => row.comments >= (asked?.least || LEAST));
  for (const row of enough) bySubreddit.set(row.subreddit, [...(bySubreddit.get(row.subreddit) ?? []), row]);
  if (!bySubreddit.size) return html`<${TooFew} least=${asked?.least || LEAST} onLeast=${onLeast} />`;
  const columns = Object.keys(looks).map((name) => ({ name, ...looks[name] }));
  const order = (/** @type {[string, any[]]} */ [, rows]) => rows.find((row) => row.emotion === view.sort)?.[view.measure] ?? 0;
  const sorted = [...bySubreddit].sort((one, other) => (view.sort ? order(other) - order(one) : 0));
  const rows = sorted.map(([name, found]) => ({
    name: subreddit(name),
    href: linkTo(subredditPath(name), view),
    note: count(found[0].comments),
    cells: columns.map((column) => {
      const row = found.find((one) => one.emotion === column.name);
      return { value: row[view.measure], hint: hintOf(subreddit(name), column.name, row, view.measure) };
    }),
  }));
  const title = `${MEASURES[view.measure]} of each emotion by subreddit, in percent`;
  const props = { rows, columns, sorted: view.sort, onSort, label: title, of: "subreddit, comments" };
  return html`<${Chart} title=${title} name="subreddits" finding=${finding} question="heatmap" asked=${asked}
    picture=${() => heatPicture(props)}><${HeatMap} ...${props} /><//>`;
}

/** @param {any} row */
const liftOf = (row) => (row.lift == null ? "" : `, ${row.lift.toFixed(1)} times as often as in all`);

/** Pairs of emotions, as a list. @param {Props & {most?: number}} props */
export function PairsList({ finding, view, looks, asked, most = 12 }) {
  const rows = rowsOf(finding).slice(0, most);
  const bars = rows.map((row) => ({
    name: asked?.emotion ? row.other : `${row.emotion} \u2192 ${row.other}`,
    href: linkTo(emotionPath(row.other), view),
    ...estimate(row, "share"),
    color: looks[row.other].color,
    hint: `${count(row.both)} of ${comments(row.comments)} with ${row.emotion}${liftOf(row)}`,
  }));
  const title = asked?.emotion ? `Of the comments with ${asked.emotion}, those with another emotion too` : "Which emotions go together";
  return html`<${Chart} title=${title} name="pairs" finding=${finding} question="pairs" asked=${asked}
    picture=${rows.length ? (/** @type {number} */ width) => html`<${Bars} bars=${bars} width=${width} label=${title} named=${asked?.emotion ? 118 : 230} />` : undefined} />`;
}

/** All pairs of emotions. @param {Props} props */
export function PairsMatrix({ finding, view, looks, asked }) {
  const names = Object.keys(looks);
  const found = new Map(rowsOf(finding).map((row) => [`${row.emotion} ${row.other}`, row]));
  const firsts = names.filter((name) => finding.rows.some((row) => row[0] === name));
  const rows = firsts.map((name) => ({
    name,
    href: linkTo(emotionPath(name), view),
    note: count(finding.rows.find((row) => row[0] === name)?.[2]),
    cells: names.map((other) => {
      const row = found.get(`${name} ${other}`);
      const hint = row ? `of ${comments(row.comments)} with ${name}, ${share(row.share)} have ${other} too (${interval(row.share_low, row.share_high)})${liftOf(row)}` : name;
      return { value: row?.share ?? null, hint };
    }),
  }));
  const columns = names.map((name) => ({ name, ...looks[name] }));
  const title = "Of the comments with the emotion on the left, the share that has the one above too, in percent";
  const props = { rows, columns, sorted: "", onSort: null, label: title, of: "emotion, comments" };
  return html`<${Chart} title=${title} name="together" finding=${finding} question="pairs" asked=${asked}
    picture=${() => heatPicture(props)}><${HeatMap} ...${props} /><//>`;
}

/** @param {Props & {a: string, b: string}} props */
export function DifferencesPart({ finding, view, looks, asked, a, b }) {
  const rows = rowsOf(finding).map((row) => ({
    name: row.emotion,
    href: linkTo(emotionPath(row.emotion), view),
    value: row[`${view.measure}_difference`],
    low: row[`${view.measure}_difference_low`],
    high: row[`${view.measure}_difference_high`],
    color: looks[row.emotion].color,
  })).sort((one, other) => other.value - one.value);
  const title = `${MEASURES[view.measure]}: ${a} less ${b}, in percentage points`;
  return html`<${Chart} title=${title} name="comparison" finding=${finding} question="compare" asked=${asked}
    picture=${(/** @type {number} */ width) => html`<${Differences} rows=${rows} width=${width} label=${title} a=${a} b=${b} />`} />`;
}

/** @param {{name: string, view: any}} props */
function Named({ name, view }) {
  const href = linkTo(subredditPath(name), view);
  return href ? html`<a href=${href}><bdi>${subreddit(name)}</bdi></a>` : html`<bdi>${subreddit(name)}</bdi>`;
}

/**
 * Comments to read. `threshold`: where some may be below it.
 * @param {{finding: Finding, emotion: string, looks: Looks, view?: any, threshold?: number}} props
 */
export function Comments({ finding, emotion, looks, view = {}, threshold = 0 }) {
  const rows = rowsOf(finding);
  if (!rows.length) return html`<p>No comment with ${emotion} is of what is asked for.</p>`;
  return html`<ol class="comments">${rows.map((row) => html`<li class=${looks[emotion].group}>
    ${row.text && html`<blockquote dir="auto">${row.text}</blockquote>`}
    <p class="soft">
      <b class="number">${probability(row.probability)}${row.probability <= threshold ? ", below the threshold" : ""}</b>
      ${row.subreddit && html`<${Named} name=${row.subreddit} view=${view} />`}
      ${row.created_at && html`<span>${row.created_at.slice(0, 16).replace("T", " ")}</span>`}
      ${row.link ? html`<a href=${row.link} rel="noreferrer noopener" target="_blank"><bdi>${row.comment_id}</bdi> at Reddit</a>` : html`<bdi>${row.comment_id}</bdi>`}
      <span>${row.emotions}</span></p></li>`)}</ol>
    ${finding.remarks.map((remark) => html`<p class="soft remark">${remark}</p>`)}`;
}

/** What the two measures are, said once. */
export const Measures = () => html`<section id="measures" class="method"><h2>What the numbers mean</h2>
  <p><b>Share found</b>: of how many comments the model says that they show the emotion, its probability being above the model's threshold
    for it. <b>Calibrated prevalence</b>: the mean probability, which is how many comments show it as far as the model's probabilities are
    calibrated; it counts the doubtful ones by their doubt, and is the one to compare models by.</p>
  <p><b>In brackets</b>, and as whiskers and bands, is the 95 % interval: were as many comments drawn again from where these come from, 95
    of 100 such intervals would hold the rate behind them. It says nothing of what the model gets wrong, and comments of one thread are
    more alike than it supposes. Of 27 emotions, one or two differ by chance alone.</p>
  <p><b>Blank</b> is what fewer than ${LEAST} comments say. A comment may show several emotions, or none; a long one shows more of them.</p></section>`;
