// Part 4, of one emotion: what each token adds to it, and the sum that its logit is.
import { saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { largest, probability, sigmoid, signed, tokenName } from "moodmill/format.js";
import { productsOf } from "moodmill/model/head.js";

/** Dimensions of the vector whose products are listed. */
const LISTED = 6;

/**
 * @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, chosen: number,
 *   effects: import("moodmill/api.js").Effects | null, waiting: boolean, ask: () => void}} props
 */
export function Why({ model, explained, chosen, effects, waiting, ask }) {
  const { name, threshold, weights, bias } = model.emotions[chosen];
  const logit = explained.logits[chosen];
  const ece = model.facts.expected_calibration_error;
  return html`
    <h3>Why ${name}?</h3>
    <dl class="facts">
      <dt>Probability</dt><dd>${probability(sigmoid(logit))}, ${sigmoid(logit) > threshold ? "above" : "not above"} the threshold</dd>
      <dt>Threshold</dt><dd>${probability(threshold)}, the model's own for ${name}</dd>
      <dt>Logit</dt><dd>${signed(logit, 3)}: the probability is 1 / (1 + e<sup>${signed(-logit, 3)}</sup>)</dd>
      <dt>Calibration</dt><dd>${ece === null ? "Nothing is known: the model's folder does not say." :
        `Of the model as a whole, not of ${name} alone: probabilities differ from observed frequencies by ${ece.toFixed(4)} on average (expected calibration error)`}</dd>
    </dl>
    <div class="two">
      <div><h4>What each token adds to ${name}</h4>
        ${effects ? html`<${Effects} explained=${explained} effects=${effects} chosen=${chosen} />` :
          saved ? html`<p class="soft">This file does not hold it: the segment has more than ${model.unasked} tokens.</p>` :
          waiting ? html`<p class="soft" role="status">Leaving out each token …</p>` :
          html`<p><button type="button" onClick=${ask}>Leave out each of the ${explained.tokens.length} tokens</button>
            <span class="soft"> It takes a while.</span></p>`}
        <p class="soft">Measured by classifying the segment again without that token: +0.75 means that the probability is 0.75 lower
          without it. Attention (part 3) shows where a token looks, not what it adds.</p></div>
      <div><h4>The products that sum to the logit</h4>
        ${explained.vector && weights && bias !== null
          ? html`<${Sum} weights=${weights} bias=${bias} vector=${explained.vector} logit=${logit} />`
          : html`<p class="soft">The last layer of this model is not linear: its logits are no sums of products.</p>`}</div>
    </div>`;
}

/** @param {{explained: import("moodmill/api.js").Explained, effects: import("moodmill/api.js").Effects, chosen: number}} props */
function Effects({ explained, effects, chosen }) {
  const values = effects.map((row) => (row ? row[chosen] : 0));
  const most = Math.max(...values.map(Math.abs), 0.05);
  if (effects.every((row) => row === null)) return html`<p class="soft">There is no token to leave out.</p>`;
  return html`<ul class="effects">${explained.tokens.map((token, at) => effects[at] && html`<li
    class=${values[at] < 0 ? "down" : "up"} style=${{ "--strength": `${Math.round((100 * Math.abs(values[at])) / most)}%` }}>
    <span dir="auto">${tokenName(token)}</span><small>${signed(values[at])}</small></li>`)}</ul>`;
}

/** @param {{weights: number[], bias: number, vector: number[], logit: number}} props */
function Sum({ weights, bias, vector, logit }) {
  const products = productsOf(weights, vector);
  const strongest = largest(products.map(Math.abs), LISTED);
  const all = products.reduce((sum, product) => sum + product, 0);
  const others = strongest.reduce((rest, at) => rest - products[at], all);
  return html`<table class="sum"><thead><tr><th scope="col">dimension</th><th scope="col" class="number">value × weight</th>
      <th scope="col" class="number">product</th></tr></thead>
    <tbody>${strongest.map((at) => html`<tr><th scope="row">${at}</th>
        <td class="number">${signed(vector[at], 3)} × ${signed(weights[at], 3)}</td><td class="number">${signed(products[at], 3)}</td></tr>`)}
      <tr><th scope="row" colspan="2">the other ${vector.length - strongest.length}</th><td class="number">${signed(others, 3)}</td></tr>
      <tr><th scope="row" colspan="2">bias</th><td class="number">${signed(bias, 3)}</td></tr></tbody>
    <tfoot><tr><th scope="row" colspan="2">logit</th><td class="number">${signed(logit, 3)}</td></tr></tfoot></table>
    <p class="soft">No single number decides: the ${strongest.length} largest products give ${signed(all - others, 2)} of ${signed(all, 2)}.</p>`;
}
