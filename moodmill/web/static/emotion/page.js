// One emotion: how often, when, where, with which others, and comments that show it.
import { html, mount } from "moodmill/dom.js";
import { Asked, Chart } from "moodmill/results/chart.js";
import { rowsOf } from "moodmill/results/findings.js";
import { comments, interval, share } from "moodmill/results/numbers.js";
import { ResultsPage } from "moodmill/results/page.js";
import { Comments, PairsList, RankBars, TrendChart } from "moodmill/results/parts.js";
import { Least, PickBy, PickEmotion, PickSubreddit, Tools } from "moodmill/results/tools.js";
import { behind, emotionPath, linkTo, open, SHARED } from "moodmill/results/view.js";
import { Failure } from "moodmill/shell.js";

const EMOTION = behind("/emotion/");
const FIRST = { ...SHARED, subreddit: /** @type {string[]} */ ([]), by: "", least: 100, named: "", limit: 20 };

/** @param {any} finding */
function Headline({ finding }) {
  const row = rowsOf(finding).find((one) => one.emotion === EMOTION);
  return row && html`<${Chart} title=${`${EMOTION} in all comments`} name=${EMOTION} finding=${{ ...finding, rows: finding.rows.filter((/** @type {any[]} */ one) => one[0] === EMOTION) }}>
    <p class="lead">Found in ${share(row.share)} (${interval(row.share_low, row.share_high)}) of ${comments(row.comments)};
    calibrated prevalence ${share(row.prevalence)} (${interval(row.prevalence_low, row.prevalence_high)}).</p><//>`;
}

mount(html`<${ResultsPage} page="/emotion" title=${EMOTION} first=${FIRST} draw=${
  (/** @type {any} */ facts, /** @type {any} */ view, /** @type {any} */ go, /** @type {any} */ looks) => {
    if (!(EMOTION in looks)) return html`<${Failure} error=${new Error(`There is no emotion ${EMOTION}: the 27 are ${Object.keys(looks).join(", ")}.`)} />`;
    const time = { since: view.since, until: view.until };
    const trend = { ...time, emotions: EMOTION, subreddit: view.subreddit, by: view.by };
    const rank = { ...time, emotion: EMOTION, measure: view.measure, least: view.least, named: view.named, limit: view.limit };
    const names = view.subreddit;
    return html`
    <${Asked} title="In all comments" question="overview" asked=${time} draw=${(/** @type {any} */ finding) => html`<${Headline} finding=${finding} />`}
      tools=${html`<p class="tools"><${PickEmotion} emotions=${facts.emotions} value=${EMOTION} label="Another emotion" onPick=${(/** @type {string} */ name) => open(emotionPath(name), view)} /></p>`} />
    <${Tools} view=${view} go=${go} facts=${facts} />
    ${facts.first && html`<${Asked} title="Over time" question="trend" asked=${trend}
      tools=${html`<div class="tools"><${PickSubreddit} label="Of a subreddit" id="of" value="" hint="all comments" onPick=${(/** @type {string} */ name) => name && go({ subreddit: [...new Set([...names, name])] })} />
        ${names.map((/** @type {string} */ name) => html`<button type="button" aria-label=${`Without ${name}`} onClick=${() => go({ subreddit: names.filter((/** @type {string} */ one) => one !== name) })}>r/${name} ×</button>`)}<${PickBy} value=${view.by} go=${go} /></div>`}
      draw=${(/** @type {any} */ finding) => html`<${TrendChart} finding=${finding} view=${view} looks=${looks} asked=${trend} shown=${[EMOTION]} name=${`${EMOTION}-over-time`} />`} />`}
    ${facts.subreddits > 0 && html`<${Asked} title="Subreddits with most of it" question="rank" asked=${rank}
      tools=${html`<div class="tools"><${Least} value=${view.least} go=${go} />
        <label>Named <input type="search" value=${view.named} placeholder="part of a name" onChange=${(/** @type {any} */ event) => go({ named: event.target.value })} /></label></div>`}
      draw=${(/** @type {any} */ finding) => html`<${RankBars} finding=${finding} view=${view} looks=${looks} asked=${rank} emotion=${EMOTION} onLeast=${(/** @type {number} */ least) => go({ least })} />
        ${finding.rows.length >= view.limit && html`<button type="button" onClick=${() => go({ limit: view.limit + 30 })}>Show more</button>`}`} />`}
    <${Asked} title="What goes with it" question="pairs" asked=${{ ...time, emotion: EMOTION }}
      lead="Of the comments with it, the share that has another emotion too."
      draw=${(/** @type {any} */ finding) => html`<${PairsList} finding=${finding} view=${view} looks=${looks} asked=${{ ...time, emotion: EMOTION }} />`} />
    <${Asked} title="Comments that show it most clearly" question="examples" asked=${{ ...time, emotion: EMOTION, limit: 5 }}
      draw=${(/** @type {any} */ finding) => html`<${Comments} finding=${finding} emotion=${EMOTION} looks=${looks} view=${view} />
        <p><a class="button" href=${linkTo("/examples", view, { ...time, emotion: EMOTION })}>Read more of them</a></p>`} />`;
  }} />`);
