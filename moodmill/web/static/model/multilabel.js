// Part 9: why every emotion has a probability of its own.
import { useEffect, useState } from "preact/hooks";
import { askExplained, saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { largest, percent } from "moodmill/format.js";

export const SENTENCE = "I just found out I got the job! I'm so nervous but incredibly excited.";

/** @param {number[]} logits */
function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / sum);
}

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, go: any}} props */
export function MultiLabel({ model, explained, go }) {
  const [said, setSaid] = useState(saved ? explained : null);
  useEffect(() => {
    if (!saved) askExplained(SENTENCE, 0).then(setSaid, () => setSaid(null));
  }, []);
  const shared = said && softmax(said.logits);
  return html`
    <p>Emotions rarely come alone. Each of the ${model.emotions.length} outputs has a sigmoid of its own, which fires whatever the
      others do. A softmax, as many servers answer, would share out 100 % among them: the more a text feels, the less of each.</p>
    ${!saved && html`<blockquote>${SENTENCE} <button type="button" onClick=${() => go({ text: SENTENCE })}>Look into it</button></blockquote>`}
    ${said && shared && html`<div class="wide" tabindex="0" role="region" aria-label="Sigmoids and softmax"><table><caption>${saved ? "What this model says of this text" : "What this model says of it"}</caption>
      <thead><tr><th scope="col">emotion</th><th scope="col" class="number">by its sigmoid</th><th scope="col" class="number">by a softmax</th></tr></thead>
      <tbody>${largest(said.logits, 4).map((at) => html`<tr><th scope="row">${model.emotions[at].name}</th>
        <td class="number">${percent(1 / (1 + Math.exp(-said.logits[at])))}${1 / (1 + Math.exp(-said.logits[at])) > model.emotions[at].threshold ? html`<b class="found"> ✓</b>` : ""}</td>
        <td class="number">${percent(shared[at])}</td></tr>`)}</tbody></table></div>`}`;
}
