// Part 4: the vector that the head reads, and its 27 outputs.
import { useState } from "preact/hooks";
import { html } from "moodmill/dom.js";
import { Found } from "moodmill/found.js";
import { largest, percent, probability, sigmoid, signed } from "moodmill/format.js";
import { Picture } from "moodmill/model/picture.js";
import { byArrows } from "moodmill/model/tokens.js";

const GROUPS = ["positive", "negative", "ambiguous"];
/** Products that are drawn as lines. */
const DRAWN = 24;
/** Heights of the picture, in pixels: the vector's lower end, the outputs, and all of it. */
const VECTOR = 44;
const OUTPUTS = 148;
const HEIGHT = 178;
/** What a model's head reads, by what transformers calls its family. */
const READS = /** @type {Record<string, string>} */ ({
  bert: "After the last layer, the vector of the first token, [CLS], goes through one more layer, the pooler.",
  roberta: "After the last layer, the vector of the first token goes through one more layer.",
  distilbert: "After the last layer, the vector of the first token, [CLS], goes through one more layer.",
});

/**
 * @param {number[]} weights
 * @param {number[]} vector
 */
export const productsOf = (weights, vector) => vector.map((value, at) => value * weights[at]);

/**
 * Return the outputs' columns, group by group, and where each is drawn.
 * @param {import("moodmill/api.js").Model} model
 * @param {number} width
 */
function layOut({ emotions }, width) {
  const order = GROUPS.flatMap((group) => emotions.map((_, at) => at).filter((at) => emotions[at].group === group));
  const gap = width / (order.length + GROUPS.length - 1);
  const x = order.map((at, column) => gap * (column + 0.5 + GROUPS.indexOf(emotions[at].group)));
  return { order, x, gap };
}

/**
 * @param {import("moodmill/api.js").Model} model
 * @param {import("moodmill/api.js").Explained} explained
 * @param {number} chosen
 */
const drawing = (model, explained, chosen) => (/** @type {number} */ width, /** @type {any} */ colors) => {
  const { order, x, gap } = layOut(model, width);
  const vector = explained.vector ?? [];
  const { name, weights } = model.emotions[chosen];
  const most = Math.max(...vector.map(Math.abs), 1e-6);
  const cell = width / Math.max(1, vector.length);
  const products = weights ? productsOf(weights, vector) : [];
  const strongest = largest(products.map(Math.abs), DRAWN);
  const strength = Math.abs(products[strongest[0]] ?? 1);
  const place = x[order.indexOf(chosen)];
  const ofSign = (/** @type {number} */ value) => (value < 0 ? colors.down : colors.up);
  return {
    width, height: HEIGHT, paper: colors.card,
    boxes: vector.map((value, at) => ({
      x: at * cell, y: 20, width: Math.max(cell, 0.8), height: 22, color: ofSign(value), opacity: 0.08 + (0.92 * Math.abs(value)) / most,
    })),
    lines: strongest.map((at) => ({
      x1: (at + 0.5) * cell, y1: VECTOR, x2: place, y2: OUTPUTS - 8, width: 1.4, color: ofSign(products[at]),
      opacity: 0.15 + (0.85 * Math.abs(products[at])) / strength,
    })),
    dots: order.map((at, column) => ({
      x: x[column], y: OUTPUTS, radius: at === chosen ? Math.min(9, gap * 0.48) : Math.min(7, gap * 0.4),
      color: colors[model.emotions[at].group], opacity: 0.06 + 0.94 * sigmoid(explained.logits[at]),
      ring: at === chosen ? colors.ink : colors[model.emotions[at].group],
    })),
    labels: [
      { x: 0, y: 9, text: `the pooled vector, ${vector.length} numbers`, anchor: "start", color: colors.soft, size: 12 },
      {
        x: Math.min(Math.max(place, 60), width - 60), y: HEIGHT - 10, text: `${name} ${percent(sigmoid(explained.logits[chosen]))}`,
        anchor: "middle", color: colors.ink, size: 12.5, bold: true,
      },
    ],
  };
};

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, chosen: number, go: any}} props */
export function Head({ model, explained, chosen, go }) {
  const [hovered, setHovered] = useState(/** @type {number | null} */ (null));
  const shown = hovered ?? chosen;
  const { name, threshold } = model.emotions[shown];
  /** The output at a place of the picture. @param {number} x @param {number} y @param {number} width */
  const outputAt = (x, y, width) => {
    const { order, x: columns, gap } = layOut(model, width);
    const column = columns.findIndex((place) => Math.abs(place - x) < gap / 2);
    return Math.abs(y - OUTPUTS) < 14 && column >= 0 ? order[column] : null;
  };
  const choose = (/** @type {number | null} */ at) => at !== null && go({ emotion: model.emotions[at].name });
  return html`
    <p>${READS[model.family] ?? ""} ${explained.vector && `The result, ${explained.vector.length} numbers, is all that the head reads.`}</p>
    <${Picture} scene=${drawing(model, explained, shown)} appears=${[explained, chosen]} changes=${[shown]} name="head"
      label=${`The pooled vector and the 27 outputs; lines are the products that push ${name} most`}
      onPoint=${(/** @type {any[]} */ ...at) => setHovered(at[0] === null ? null : outputAt(at[0], at[1], at[2]))}
      onPick=${(/** @type {any[]} */ ...at) => choose(outputAt(at[0], at[1], at[2]))} />
    <p class="soft">${name}: probability ${probability(sigmoid(explained.logits[shown]))}, threshold ${probability(threshold)},${" "}
      logit ${signed(explained.logits[shown], 3)}. <span class="sign up"></span> raises, <span class="sign down"></span> lowers: a box${" "}
      is a number's sign and size, a line a product.</p>
    <div class="neurons" onKeyDown=${byArrows}>${GROUPS.map((group) => html`
      <div class=${group} role="group" aria-label=${`${group} emotions`}>
        <h3>${group} <small>(${model.emotions.filter((emotion) => emotion.group === group).length})</small></h3>
        ${model.emotions.map((emotion, at) => emotion.group === group && html`
        <button type="button" class="neuron" aria-pressed=${at === chosen} tabindex=${at === chosen ? 0 : -1} onClick=${() => choose(at)}
          onMouseEnter=${() => setHovered(at)} onMouseLeave=${() => setHovered(null)}>
          <span class="light"><span style=${{ opacity: sigmoid(explained.logits[at]) }}></span></span>
          <span>${emotion.name}<${Found} is=${sigmoid(explained.logits[at]) > emotion.threshold} /></span>
          <span class="number">${probability(sigmoid(explained.logits[at]))}</span></button>`)}
      </div>`)}</div>`;
}
