// One subreddit: its emotions beside those of all, over time, together, and its comments.
import { useAnswer } from "moodmill/answers.js";
import { address } from "moodmill/api.js";
import { html, mount } from "moodmill/dom.js";
import { Asked } from "moodmill/results/chart.js";
import { askFinding } from "moodmill/results/findings.js";
import { ResultsPage } from "moodmill/results/page.js";
import { Comments, EmotionBars, PairsList, TrendChart } from "moodmill/results/parts.js";
import { PickEmotion, PickSubreddit, Picks, Tools } from "moodmill/results/tools.js";
import { linkTo, open, SHARED } from "moodmill/results/view.js";

const prefix = address("/subreddit/");
const NAME = decodeURIComponent(location.pathname.slice(prefix.length));
const FIRST = { ...SHARED, emotions: "", by: "", emotion: "" };
const SEEN = 3;

/** @param {any} props */
function Emotions({ finding, view, looks, asked, go }) {
  const time = { since: view.since, until: view.until };
  const all = useAnswer((signal) => askFinding("overview", time, signal), [view.since, view.until]);
  const chosen = view.emotion || finding.rows[0]?.[0];
  const trend = { ...asked, by: view.by };
  const ranked = finding.rows.map((/** @type {any[]} */ row) => row[0]);
  const shown = view.emotions ? view.emotions.split(",").filter((/** @type {string} */ name) => name in looks) : ranked.slice(0, SEEN);
  return html`
    <${EmotionBars} finding=${finding} view=${view} looks=${looks} asked=${asked} beside=${all.value} />
    <h2>Over time</h2>
    <${Picks} names=${ranked} shown=${shown} looks=${looks} onChange=${(/** @type {string[]} */ names) => go({ emotions: names.join(",") || ranked[0] })} />
    <${Asked} title="" question="trend" asked=${trend} draw=${(/** @type {any} */ found) => html`<${TrendChart} finding=${found} view=${view} looks=${looks} asked=${trend} shown=${shown} />`} />
    <h2>Its comments</h2>
    <p class="tools"><${PickEmotion} emotions=${Object.entries(looks).map(([name, { group }]) => ({ name, group }))} value=${chosen} onPick=${(/** @type {string} */ emotion) => go({ emotion })} /></p>
    <${Asked} title=${`Those that show ${chosen} most clearly`} question="examples" asked=${{ ...asked, emotion: chosen, limit: 5 }}
      draw=${(/** @type {any} */ found) => html`<${Comments} finding=${found} emotion=${chosen} looks=${looks} view=${view} />
        <p><a class="button" href=${linkTo("/examples", view, { ...time, emotion: chosen, subreddit: NAME })}>Read more of them</a></p>`} />`;
}

mount(html`<${ResultsPage} page="/subreddit" title=${html`<bdi>r/${NAME}</bdi>`} first=${FIRST} draw=${
  (/** @type {any} */ facts, /** @type {any} */ view, /** @type {any} */ go, /** @type {any} */ looks) => {
    const asked = { since: view.since, until: view.until, subreddit: NAME };
    return html`
    <${PickSubreddit} label="Compare it with" id="other" value="" hint="another subreddit" onPick=${(/** @type {string} */ name) => name && open("/compare", view, { a: `r/${NAME}`, b: `r/${name}` })} />
    <${Tools} view=${view} go=${go} facts=${facts} />
    <${Asked} title="How often each emotion is found" lead="The line across a bar is what it is in all comments." question="overview" asked=${asked}
      draw=${(/** @type {any} */ finding) => html`<${Emotions} finding=${finding} view=${view} looks=${looks} asked=${asked} go=${go} />`} />
    <${Asked} title="Which go together" question="pairs" asked=${asked} lead="Of its comments with one emotion, the share that has another one too."
      draw=${(/** @type {any} */ finding) => html`<${PairsList} finding=${finding} view=${view} looks=${looks} asked=${asked} />`} />`;
  }} />`);
