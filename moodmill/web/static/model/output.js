// Part 5: the emotions of the whole text, the most probable ones first.
import { saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { largest, probability } from "moodmill/format.js";

/** Differences from fp32 that are shown. */
const VISIBLE = 0.0005;

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, place: any, go: any}} props */
export function Output({ model, explained, place, go }) {
  const choices = [3, 5, 10, model.emotions.length];
  const top = choices.find((choice) => choice >= place.top) ?? model.emotions.length;
  const ranked = largest(explained.served, top);
  const several = explained.segments.length > 1;
  return html`
    <ol class="ranking">${ranked.map((at) => {
      const emotion = model.emotions[at];
      const exact = explained.probabilities[at];
      const from = several ? largest(explained.segments.map((segment) => segment.probabilities[at]), 1)[0] : -1;
      return html`<li class=${emotion.group}><button type="button" onClick=${() => go({ emotion: emotion.name, ...(several && !saved && from !== explained.segment ? { segment: from, token: 0 } : {}) })}>
        <span class="name">${emotion.name}${explained.served[at] > emotion.threshold ? html`<b class="found"> ✓</b>` : ""}</span>
        <span class="track"><span class="fill" style=${{ width: `${100 * explained.served[at]}%` }}></span>
          <span class="mark" style=${{ left: `${100 * emotion.threshold}%` }} title=${`threshold ${emotion.threshold}`}></span></span>
        <span class="number">${probability(explained.served[at])}</span></button>
        ${Math.abs(exact - explained.served[at]) >= VISIBLE && html`<small class="soft">${probability(exact)} in fp32</small>`}
        ${several && html`<small class="soft">most in segment ${from + 1}, ${probability(explained.segments[from].probabilities[at])}</small>`}</li>`;
    })}</ol>
    <p class="soft">A stroke is the emotion's threshold; ✓ is above it. As a worker says it: ${model.runs_on}.</p>
    <label>Show <select value=${String(top)} onChange=${(/** @type {any} */ event) => go({ top: Number(event.target.value) })}>
      ${choices.map((number) => html`<option value=${String(number)}>${number === model.emotions.length ? `all ${number}` : `the top ${number}`}</option>`)}
    </select></label>`;
}
