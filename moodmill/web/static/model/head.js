// Part 4: the vector that the head reads, its 27 outputs, and what pushes each.
import { useState } from "preact/hooks";
import { saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { largest, percent, probability, sigmoid, signed, tokenName } from "moodmill/format.js";
import { Picture } from "moodmill/model/picture.js";
import { byArrows } from "moodmill/model/tokens.js";

const GROUPS = ["positive", "negative", "ambiguous"];
/** Numbers of the vector whose products are listed, and drawn as lines. */
const LISTED = 6;
const DRAWN = 24;
/** Tokens of a segment up to which each is left out by itself, unasked. */
export const UNASKED = 128;

/**
 * @param {import("moodmill/api.js").Emotion} emotion
 * @param {number[]} vector
 */
const productsOf = (emotion, vector) => vector.map((number, at) => number * /** @type {number[]} */ (emotion.weights)[at]);

/** @param {import("moodmill/api.js").Model} model */
const byGroup = (model) => GROUPS.flatMap((group) => model.emotions.map((_, at) => at).filter((at) => model.emotions[at].group === group));

/**
 * @param {import("moodmill/api.js").Model} model
 * @param {import("moodmill/api.js").Explained} explained
 * @param {number} chosen
 */
const drawing = (model, explained, chosen) => (/** @type {number} */ width, /** @type {any} */ colors) => {
  const order = byGroup(model);
  const vector = explained.vector ?? [];
  const most = Math.max(...vector.map(Math.abs), 1e-6);
  const cell = width / Math.max(1, vector.length);
  const gap = width / (order.length + 2);
  /** The groups are a little apart. */
  const x = (/** @type {number} */ place) => gap * (place + 0.5 + GROUPS.indexOf(model.emotions[order[place]].group));
  const [top, bottom] = [44, 148];
  const products = model.emotions[chosen].weights && vector.length ? productsOf(model.emotions[chosen], vector) : [];
  const strongest = largest(products.map(Math.abs), DRAWN);
  const strength = Math.abs(products[strongest[0]] ?? 1);
  const place = order.indexOf(chosen);
  /** @type {import("moodmill/model/scene.js").Scene} */
  return {
    width, height: 178, paper: colors.card,
    boxes: vector.map((number, at) => ({
      x: at * cell, y: 20, width: Math.max(cell, 0.8), height: 22, color: number < 0 ? colors.down : colors.up,
      opacity: 0.08 + (0.92 * Math.abs(number)) / most,
    })),
    lines: strongest.map((at) => ({
      x1: (at + 0.5) * cell, y1: top, x2: x(place), y2: bottom - 8, width: 1.4,
      color: products[at] < 0 ? colors.down : colors.up, opacity: 0.15 + (0.85 * Math.abs(products[at])) / strength,
    })),
    dots: order.map((at, number) => ({
      x: x(number), y: bottom, radius: at === chosen ? Math.min(9, gap * 0.48) : Math.min(7, gap * 0.4),
      color: colors[model.emotions[at].group], opacity: 0.06 + 0.94 * sigmoid(explained.logits[at]),
      ring: at === chosen ? colors.ink : colors[model.emotions[at].group],
    })),
    labels: [
      { x: 0, y: 9, text: `the pooled vector, ${vector.length} numbers`, anchor: "start", color: colors.soft, size: 12 },
      { x: Math.min(Math.max(x(place), 60), width - 60), y: 168, text: `${model.emotions[chosen].name} ${percent(sigmoid(explained.logits[chosen]))}`,
        anchor: "middle", color: colors.ink, size: 12.5, bold: true },
    ],
  };
};

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, chosen: number, go: any}} props */
export function Head({ model, explained, chosen, go }) {
  const [hovered, setHovered] = useState(/** @type {number | null} */ (null));
  const shown = hovered ?? chosen;
  const { name, threshold } = model.emotions[shown];
  const found = (/** @type {number} */ at) => sigmoid(explained.logits[at]) > model.emotions[at].threshold;
  return html`
    <${Picture} scene=${drawing(model, explained, shown)} drawn=${[explained, shown]} name="head"
      label=${`The pooled vector and the 27 outputs; lines are the products that push ${name} most`} />
    <p class="soft">${name}: probability ${probability(sigmoid(explained.logits[shown]))}, threshold ${probability(threshold)}, logit${" "}
      ${signed(explained.logits[shown], 3)}. Lines are the products that push it most, up or down. Choose an emotion to see why.</p>
    <div class="neurons" onKeyDown=${byArrows}>${GROUPS.map((group) => html`
      <div class=${group} role="group" aria-label=${`${group} emotions`}>
        <h3>${group} <small>(${model.emotions.filter((emotion) => emotion.group === group).length})</small></h3>
        ${model.emotions.map((emotion, at) => emotion.group === group && html`
        <button type="button" class="neuron" aria-pressed=${at === chosen} tabindex=${at === chosen ? 0 : -1}
          onClick=${() => go({ emotion: emotion.name })} onMouseEnter=${() => setHovered(at)} onMouseLeave=${() => setHovered(null)}>
          <span class="light"><span style=${{ opacity: sigmoid(explained.logits[at]) }}></span></span>
          <span>${emotion.name}${found(at) ? html`<b class="found" title="above its threshold"> ✓</b>` : ""}</span>
          <span class="number">${probability(sigmoid(explained.logits[at]))}</span></button>`)}
      </div>`)}</div>`;
}

/**
 * @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, chosen: number,
 *   effects: import("moodmill/api.js").Effects | null, waiting: boolean, ask: () => void}} props
 */
export function Why({ model, explained, chosen, effects, waiting, ask }) {
  const emotion = model.emotions[chosen];
  const logit = explained.logits[chosen];
  const ece = model.facts.expected_calibration_error;
  return html`
    <h3>Why ${emotion.name}?</h3>
    <dl class="facts">
      <dt>Probability</dt><dd>${probability(sigmoid(logit))}, ${sigmoid(logit) > emotion.threshold ? "above" : "not above"} the threshold</dd>
      <dt>Threshold</dt><dd>${probability(emotion.threshold)}, the model's own for this emotion</dd>
      <dt>Logit</dt><dd>${signed(logit, 3)}: the probability is 1 / (1 + e<sup>${signed(-logit, 3)}</sup>)</dd>
      <dt>Calibration</dt><dd>${ece === null ? "The model's card does not say how far probabilities are from what is observed." :
        `Probabilities are ${ece.toFixed(4)} from the shares observed, on average (expected calibration error of the card)`}</dd>
    </dl>
    <div class="two">
      <div><h4>The change when each token is left out</h4>
        ${effects ? html`<${Effects} explained=${explained} effects=${effects} chosen=${chosen} />` :
          saved ? html`<p class="soft">This file does not hold it: the segment has more than ${UNASKED} tokens.</p>` :
          waiting ? html`<p class="soft" role="status">Leaving out each token …</p>` :
          html`<p><button type="button" onClick=${ask}>Leave out each of the ${explained.tokens.length} tokens</button>
            <span class="soft"> It takes a while.</span></p>`}
        <p class="soft">This is measured: the text is classified again without the token. Attention (above) is where a token looks,
          and no measure of what it does to the answer.</p></div>
      <div><h4>The products that sum to the logit</h4>
        ${explained.vector && emotion.weights && emotion.bias !== null
          ? html`<${Sum} emotion=${emotion} vector=${explained.vector} logit=${logit} />`
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
    <span dir="auto">${tokenName(token)}</span><small class="number">${signed(values[at])}</small></li>`)}</ul>`;
}

/** @param {{emotion: import("moodmill/api.js").Emotion, vector: number[], logit: number}} props */
function Sum({ emotion, vector, logit }) {
  const weights = /** @type {number[]} */ (emotion.weights);
  const products = productsOf(emotion, vector);
  const strongest = largest(products.map(Math.abs), LISTED);
  const listed = strongest.reduce((sum, at) => sum + products[at], 0);
  const all = products.reduce((sum, product) => sum + product, 0);
  return html`<table class="sum"><thead><tr><th scope="col">number</th><th scope="col" class="number">value × weight</th>
      <th scope="col" class="number">product</th></tr></thead>
    <tbody>${strongest.map((at) => html`<tr><th scope="row">${at + 1}</th>
        <td class="number">${signed(vector[at], 3)} × ${signed(weights[at], 3)}</td><td class="number">${signed(products[at], 3)}</td></tr>`)}
      <tr><th scope="row" colspan="2">the other ${vector.length - strongest.length}</th><td class="number">${signed(all - listed, 3)}</td></tr>
      <tr><th scope="row" colspan="2">bias</th><td class="number">${signed(/** @type {number} */ (emotion.bias), 3)}</td></tr></tbody>
    <tfoot><tr><th scope="row" colspan="2">logit</th><td class="number">${signed(logit, 3)}</td></tr></tfoot></table>`;
}
