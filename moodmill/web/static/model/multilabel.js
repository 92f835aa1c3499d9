// Part 9: why every emotion has a probability of its own.
import { useEffect, useState } from "preact/hooks";
import { askExplained, saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { Found } from "moodmill/found.js";
import { largest, percent, sigmoid } from "moodmill/format.js";

const SENTENCE = "I just found out I got the job! I'm so nervous but incredibly excited.";
/** Emotions that are compared. */
const SHOWN = 4;

/** @param {number[]} logits */
function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / sum);
}

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, go: any, look: () => void}} props */
export function MultiLabel({ model, explained, go, look }) {
  const [example, setExample] = useState(saved ? explained : null);
  useEffect(() => {
    if (!saved) askExplained(SENTENCE, 0).then(setExample, () => setExample(null));
  }, []);
  const lookInto = () => {
    go({ text: SENTENCE });
    look();
  };
  return html`
    <p>A text can carry several emotions at once, or none. Each of the ${model.emotions.length} outputs has a sigmoid of its own, which says
      yes or no whatever the others do. A softmax, which many servers answer, would divide 100\u00a0% among the emotions, so two strong ones
      would each get about half.</p>
    ${!saved && html`<blockquote>${SENTENCE} <button type="button" onClick=${lookInto}>Look into it</button></blockquote>`}
    ${example && html`<${Comparison} model=${model} logits=${example.logits} />`}`;
}

/** @param {{model: import("moodmill/api.js").Model, logits: number[]}} props */
function Comparison({ model, logits }) {
  const shares = softmax(logits);
  return html`<div class="wide" tabindex="0" role="region" aria-label="Sigmoids and softmax"><table>
    <caption>What this model says of ${saved ? "this text" : "it"}</caption>
    <thead><tr><th scope="col">emotion</th><th scope="col" class="number">by its sigmoid</th><th scope="col" class="number">by a softmax</th></tr></thead>
    <tbody>${largest(logits, SHOWN).map((at) => html`<tr><th scope="row">${model.emotions[at].name}</th>
      <td class="number">${percent(sigmoid(logits[at]))}<${Found} is=${sigmoid(logits[at]) > model.emotions[at].threshold} /></td>
      <td class="number">${percent(shares[at])}</td></tr>`)}</tbody></table></div>`;
}
