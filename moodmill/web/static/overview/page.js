// The first page: what people feel, in all comments of the store.
import { html, mount } from "moodmill/dom.js";
import { count } from "moodmill/format.js";
import { Asked, Opened } from "moodmill/results/chart.js";
import { share } from "moodmill/results/numbers.js";
import { ResultsPage } from "moodmill/results/page.js";
import { EmotionBars, HeatMapPart, Measures, PairsList, PairsMatrix, TrendChart } from "moodmill/results/parts.js";
import { Least, PickEmotion, PickSubreddit, Picks, Tools } from "moodmill/results/tools.js";
import { emotionPath, linkTo, SHARED, subredditPath } from "moodmill/results/view.js";

const FIRST = { ...SHARED, emotions: "", by: "", sort: "", least: 30, limit: 20 };
/** Lines that are seen at first. */
const SEEN = 3;

/** @param {{facts: import("moodmill/results/findings.js").Facts}} props */
export function Tiles({ facts }) {
  const { groups, none, counted } = facts;
  return counted > 0 && html`<div class="tiles">
    ${Object.entries(groups).map(([group, n]) => html`<div class=${`tile ${group}`}><b>${share(n / counted)}</b><span>of comments show ${group === "ambiguous" ? "an" : "a"} ${group} emotion</span></div>`)}
    <div class="tile"><b>${share(none / counted)}</b><span>show none of the 27</span></div></div>`;
}

/** @param {{facts: import("moodmill/results/findings.js").Facts}} props */
export const About = ({ facts }) => html`<p class="lead">${count(facts.comments)} ${facts.comments === 1 ? "comment" : "comments"}${facts.subreddits > 0 && ` of ${count(facts.subreddits)} ${facts.subreddits === 1 ? "subreddit" : "subreddits"}`}${facts.first && (facts.first === facts.last ? `, of ${facts.first}` : `, ${facts.first} to ${facts.last}`)} (UTC)${facts.untimed > 0 ? `, ${count(facts.untimed)} of an unknown time` : ""}; labelled by <code>${facts.model}</code>.</p>`;

mount(html`<${ResultsPage} page="/" title="What people feel" first=${FIRST} draw=${
  (/** @type {any} */ facts, /** @type {any} */ view, /** @type {any} */ go, /** @type {any} */ looks) => {
    const time = { since: view.since, until: view.until };
    return html`
    <${About} facts=${facts} />
    <${Tiles} facts=${facts} />
    <div class="row entries">
      <${PickEmotion} emotions=${facts.emotions} value="" any="…" label="Look at an emotion" onPick=${(/** @type {string} */ name) => name && location.assign(linkTo(emotionPath(name), view))} />
      <${PickSubreddit} label="Look at a subreddit" id="subreddits" value="" hint="name" onPick=${(/** @type {string} */ name) => name && location.assign(linkTo(subredditPath(name), view))} />
    </div>
    <${Tools} view=${view} go=${go} facts=${facts} />
    <${Asked} title="How often each emotion is found" question="overview" asked=${time}
      lead=${html`Lines are 95 % intervals. <a href="#measures">What the numbers mean</a>.`}
      draw=${(/** @type {any} */ finding) => html`<${EmotionBars} finding=${finding} view=${view} looks=${looks} asked=${time} />`} />
    ${facts.first && html`<${Asked} title="Over time" question="trend" asked=${{ ...time, by: view.by }}
      draw=${(/** @type {any} */ finding) => html`<${OverTime} finding=${finding} view=${view} go=${go} looks=${looks} asked=${{ ...time, by: view.by }} />`} />`}
    ${facts.subreddits > 0 && html`<${Asked} title="By subreddit" question="heatmap" asked=${{ ...time, least: view.least, limit: view.limit }}
      lead="Those with most comments. The darker, the more often; a column's name puts its subreddits in order."
      tools=${html`<p class="tools"><${Least} value=${view.least} go=${go} />
        <label>Show <select value=${String(view.limit)} onChange=${(/** @type {any} */ event) => go({ limit: Number(event.target.value) })}>
          ${[10, 20, 50, 100].map((n) => html`<option value=${String(n)}>${n}</option>`)}</select></label></p>`}
      draw=${(/** @type {any} */ finding) => html`<${HeatMapPart} finding=${finding} view=${view} looks=${looks} asked=${{ ...time, least: view.least, limit: view.limit }}
        onSort=${(/** @type {string} */ sort) => go({ sort })} />`} />`}
    <${Asked} title="Which go together" question="pairs" asked=${time} lead="Of the comments with one emotion, the share that has another one too."
      draw=${(/** @type {any} */ finding) => html`<${PairsList} finding=${finding} view=${view} looks=${looks} asked=${time} />
        <${Opened} title="All pairs" draw=${() => html`<${PairsMatrix} finding=${finding} view=${view} looks=${looks} asked=${time} />`} />`} />
    <${Measures} />`;
  }} />`);

/** @param {any} props */
function OverTime({ finding, view, go, looks, asked }) {
  const total = /** @type {Record<string, number>} */ ({});
  for (const row of finding.rows) total[row[0]] = (total[row[0]] ?? 0) + row[4];
  const ranked = Object.keys(looks).sort((one, other) => (total[other] ?? 0) - (total[one] ?? 0));
  const chosen = view.emotions ? view.emotions.split(",").filter((/** @type {string} */ name) => name in looks) : ranked.slice(0, SEEN);
  return html`<${Picks} names=${ranked} shown=${chosen} looks=${looks} onChange=${(/** @type {string[]} */ shown) => go({ emotions: shown.join(",") || ranked[0] })} />
    <${TrendChart} finding=${finding} view=${view} looks=${looks} asked=${asked} shown=${chosen} />`;
}
