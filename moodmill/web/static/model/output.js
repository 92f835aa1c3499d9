// Part 5: the emotions of the whole text, the most probable ones first.
import { saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { Found } from "moodmill/found.js";
import { largest, probability } from "moodmill/format.js";

/** Differences from fp32 that are shown. */
const VISIBLE = 0.0005;
const CHOICES = [3, 5, 10, 27];
/** How the probabilities of segments become those of the text. */
const POOLED = /** @type {Record<string, string>} */ ({
  "noisy-or": "A text has an emotion if at least one of its segments has it: 1 \u2212 (1 \u2212 p\u2081)(1 \u2212 p\u2082)…, of more than 8 segments what 8 of their kind would say.",
  max: "A text's probability is the largest of its segments'.",
});

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, place: any, go: any}} props */
export function Output({ model, explained, place, go }) {
  const { segments, served, probabilities } = explained;
  const top = CHOICES.find((choice) => choice >= place.top) ?? model.emotions.length;
  const isLong = segments.length > 1;
  const rows = largest(served, top).map((at) => {
    const { name, group, threshold } = model.emotions[at];
    const [from] = largest(segments.map((segment) => segment.probabilities[at]), 1);
    const elsewhere = isLong && !saved && from !== explained.segment ? { segment: from, token: 0 } : {};
    return html`<li class=${group}>
      <button type="button" aria-pressed=${name === place.emotion} onClick=${() => go({ emotion: name, ...elsewhere })}>
        <span class="name">${name}<${Found} is=${served[at] > threshold} /></span>
        <span class="track"><span class="fill" style=${{ width: `${100 * served[at]}%` }}></span>
          <span class="mark" style=${{ left: `${100 * threshold}%` }}></span></span>
        <span class="number">${probability(served[at])}</span></button>
      <small class="soft">threshold ${probability(threshold)}${isLong ? `; most in segment ${from + 1}, ${probability(segments[from].probabilities[at])}` : ""}${
        Math.abs(probabilities[at] - served[at]) >= VISIBLE ? `; ${probability(probabilities[at])} in fp32` : ""}</small></li>`;
  });
  return html`
    ${isLong && html`<p>${POOLED[model.pooling] ?? ""}</p>`}
    <ol class="ranking">${rows}</ol>
    <p class="soft">The line marks the threshold; ✓ means above it. These are the probabilities that a worker would store
      (${model.runs_on}). Choose an emotion to see in part 4 why.</p>
    <label>Show <select value=${String(top)} onChange=${(/** @type {any} */ event) => go({ top: Number(event.target.value) })}>
      ${CHOICES.map((choice) => html`<option value=${String(choice)}>${choice === model.emotions.length ? `all ${choice}` : `the top ${choice}`}</option>`)}
    </select></label>`;
}
