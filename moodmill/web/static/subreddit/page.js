// One subreddit: its emotions beside those of all, over time, together, and its comments.
import { useAnswer } from "moodmill/answers.js";
import { html, mount } from "moodmill/dom.js";
import { Asked } from "moodmill/results/chart.js";
import { askFinding } from "moodmill/results/findings.js";
import { isTime } from "moodmill/results/numbers.js";
import { ResultsPage } from "moodmill/results/page.js";
import { Comments, EmotionBars, PairsList } from "moodmill/results/parts.js";
import { PickBy, PickEmotion, PickSubreddit, Tools } from "moodmill/results/tools.js";
import { behind, linkTo, open, SHARED } from "moodmill/results/view.js";
import { OverTime } from "moodmill/results/whole.js";

const NAME = behind("/subreddit/");
const FIRST = { ...SHARED, emotions: "", by: "", emotion: "" };

/** A subreddit on a side of a comparison: a name that looks like a time is told from one. @param {string} name */
const sideOf = (name) => (isTime(name) ? `r/${name}` : name);

/** @param {any} props */
function Emotions({ finding, view, looks, asked, go, dated }) {
  const time = { since: view.since, until: view.until };
  const all = useAnswer((signal) => askFinding("overview", time, signal), [view.since, view.until]);
  const chosen = view.emotion in looks ? view.emotion : finding.rows[0]?.[0];
  const trend = { ...asked, by: view.by };
  return html`
    <${EmotionBars} finding=${finding} view=${view} looks=${looks} asked=${asked} beside=${all.value} />
    ${dated && html`<${Asked} title="Over time" question="trend" asked=${trend} tools=${html`<p class="tools"><${PickBy} value=${view.by} go=${go} /></p>`}
      draw=${(/** @type {any} */ found) => html`<${OverTime} finding=${found} view=${view} go=${go} looks=${looks} asked=${trend} />`} />`}
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
    <${PickSubreddit} label="Compare it with" id="other" value="" hint="another subreddit" onPick=${(/** @type {string} */ name) => name && open("/compare", view, { a: sideOf(NAME), b: sideOf(name) })} />
    <${Tools} view=${view} go=${go} facts=${facts} />
    <${Asked} title="How often each emotion is found" lead="The line across a bar is what it is in all comments." question="overview" asked=${asked}
      draw=${(/** @type {any} */ finding) => html`<${Emotions} finding=${finding} view=${view} looks=${looks} asked=${asked} go=${go} dated=${facts.first} />`} />
    <${Asked} title="Which go together" question="pairs" asked=${asked} lead="Of its comments with one emotion, the share that has another one too."
      draw=${(/** @type {any} */ finding) => html`<${PairsList} finding=${finding} view=${view} looks=${looks} asked=${asked} />`} />`;
  }} />`);
