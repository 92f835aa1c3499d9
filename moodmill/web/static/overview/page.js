// The first page: what people feel, in all comments of the store.
import { html, mount } from "moodmill/dom.js";
import { Asked, Opened } from "moodmill/results/chart.js";
import { ResultsPage } from "moodmill/results/page.js";
import { About, OverTime, Tiles } from "moodmill/results/whole.js";
import { EmotionBars, HeatMapPart, Measures, PairsList, PairsMatrix } from "moodmill/results/parts.js";
import { Least, PickBy, PickEmotion, PickSubreddit, Tools } from "moodmill/results/tools.js";
import { emotionPath, open, SHARED, subredditPath } from "moodmill/results/view.js";

const FIRST = { ...SHARED, emotions: "", by: "", sort: "", least: 30, limit: 20 };

mount(html`<${ResultsPage} page="/" title="What people feel" first=${FIRST} draw=${
  (/** @type {any} */ facts, /** @type {any} */ view, /** @type {any} */ go, /** @type {any} */ looks) => {
    const time = { since: view.since, until: view.until };
    return html`
    <${About} facts=${facts} />
    <${Tiles} facts=${facts} />
    <div class="row entries">
      <${PickEmotion} emotions=${facts.emotions} value="" any="…" label="Look at an emotion" onPick=${(/** @type {string} */ name) => name && open(emotionPath(name), view)} />
      <${PickSubreddit} label="Look at a subreddit" id="subreddits" value="" hint="name" onPick=${(/** @type {string} */ name) => name && open(subredditPath(name), view)} />
    </div>
    <${Tools} view=${view} go=${go} facts=${facts} />
    <${Asked} title="How often each emotion is found" question="overview" asked=${time}
      lead=${html`Lines are 95 % intervals. <a href="#measures">What the numbers mean</a>.`}
      draw=${(/** @type {any} */ finding) => html`<${EmotionBars} finding=${finding} view=${view} looks=${looks} asked=${time} />`} />
    ${facts.first && html`<${Asked} title="Over time" question="trend" asked=${{ ...time, by: view.by }} tools=${html`<p class="tools"><${PickBy} value=${view.by} go=${go} /></p>`}
      draw=${(/** @type {any} */ finding) => html`<${OverTime} finding=${finding} view=${view} go=${go} looks=${looks} asked=${{ ...time, by: view.by }} />`} />`}
    ${facts.subreddits > 0 && html`<${Asked} title="By subreddit" question="heatmap" asked=${{ ...time, least: view.least, limit: view.limit }}
      lead="Those with most comments. The darker, the more often; a column's name puts its subreddits in order."
      tools=${html`<p class="tools"><${Least} value=${view.least} go=${go} />
        <label>Show <select value=${String(view.limit)} onChange=${(/** @type {any} */ event) => go({ limit: Number(event.target.value) })}>
          ${[10, 20, 50, 100].map((n) => html`<option value=${String(n)}>${n}</option>`)}</select></label></p>`}
      draw=${(/** @type {any} */ finding) => html`<${HeatMapPart} finding=${finding} view=${view} looks=${looks} asked=${{ ...time, least: view.least, limit: view.limit }}
        onSort=${(/** @type {string} */ sort) => go({ sort })} onLeast=${(/** @type {number} */ least) => go({ least })} />`} />`}
    <${Asked} title="Which go together" question="pairs" asked=${time} lead="Of the comments with one emotion, the share that has another one too."
      draw=${(/** @type {any} */ finding) => html`<${PairsList} finding=${finding} view=${view} looks=${looks} asked=${time} />
        <${Opened} title="All pairs" draw=${() => html`<${PairsMatrix} finding=${finding} view=${view} looks=${looks} asked=${time} />`} />`} />
    <${Measures} />`;
  }} />`);
