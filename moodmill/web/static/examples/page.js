// Comments to read: by emotion, subreddit, time and words.
import { html, mount } from "moodmill/dom.js";
import { Asked, Chart } from "moodmill/results/chart.js";
import { ResultsPage } from "moodmill/results/page.js";
import { Comments } from "moodmill/results/parts.js";
import { PickEmotion, PickSubreddit, Tools } from "moodmill/results/tools.js";
import { SHARED } from "moodmill/results/view.js";

const EACH = 20;
const FIRST = { ...SHARED, emotion: "joy", subreddit: "", words: "", order: "clearest", skip: 0 };

mount(html`<${ResultsPage} page="/examples" title="Comments to read" first=${FIRST} draw=${
  (/** @type {any} */ facts, /** @type {any} */ view, /** @type {any} */ change, /** @type {any} */ looks) => {
    const go = (/** @type {any} */ to) => change({ skip: 0, ...to });
    const emotion = view.emotion in looks ? view.emotion : FIRST.emotion;
    const asked = { emotion, subreddit: view.subreddit, since: view.since, until: view.until, words: view.words, order: view.order, skip: view.skip, limit: EACH };
    return html`
    <div class="tools">
      <${PickEmotion} emotions=${facts.emotions} value=${emotion} onPick=${(/** @type {string} */ name) => go({ emotion: name })} />
      <label>Order <select value=${view.order} onChange=${(/** @type {any} */ event) => go({ order: event.target.value })}>
        <option value="clearest">the clearest first</option><option value="newest">the newest first</option></select></label>
      <${PickSubreddit} label="Subreddit" id="subreddits" value=${view.subreddit} hint="all" onPick=${(/** @type {string} */ subreddit) => go({ subreddit })} />
      <form role="search" onSubmit=${(/** @type {any} */ event) => { event.preventDefault(); go({ words: event.target.elements.words.value }); }}>
        <label>Words <input name="words" type="search" value=${view.words} placeholder='words or "a phrase"' /></label> <button type="submit">Search</button></form>
    </div>
    <${Tools} view=${view} go=${go} facts=${facts} without=${["measure"]} />
    <${Asked} title=${`Comments with ${emotion}`} question="examples" asked=${asked}
      draw=${(/** @type {any} */ finding) => html`<${Chart} title=${`Comments with ${emotion}`} name=${emotion} finding=${{ ...finding, remarks: [] }} question="examples" asked=${asked}>
          <${Comments} finding=${finding} emotion=${emotion} looks=${looks} view=${view} /><//>
        <p class="row">${view.skip > 0 && html`<button type="button" onClick=${() => change({ skip: Math.max(0, view.skip - EACH) })}>Back</button>`}
          ${finding.rows.length === EACH && html`<button type="button" onClick=${() => change({ skip: view.skip + EACH })}>Next</button>`}</p>`} />`;
  }} />`);
