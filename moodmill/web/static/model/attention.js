// Part 3: what each token looks at, by layer and head.
import { useState } from "preact/hooks";
import { html } from "moodmill/dom.js";
import { UNIT } from "moodmill/api.js";
import { largest, tokenName } from "moodmill/format.js";
import { Picture } from "moodmill/model/picture.js";
import { byArrows } from "moodmill/model/tokens.js";

/** Lines of a picture: the strongest of a text of 512 tokens, which has 262,144 of them. */
const LINES = 1200;
const SMALL_LINES = 160;
/** Weights below are not seen. */
const LEAST = 0.02;
/** Rows of a picture, in pixels. */
const ROW = 22;
const TALLEST = 1100;
/** Tokens whose weights are listed. */
const LISTED = 8;

/**
 * Return the weights of one head, [n * n].
 * @param {import("moodmill/api.js").Attention} attention
 * @param {number} head
 */
const ofHead = ({ tokens, weights }, head) => weights.subarray(head * tokens * tokens, (head + 1) * tokens * tokens);

/**
 * Return the strongest weights as pairs of tokens; where a token is chosen, its own.
 * @param {Uint16Array} weights
 * @param {number} n
 * @param {number} most
 * @param {number} [chosen]
 */
function strongest(weights, n, most, chosen) {
  const found = [];
  const first = chosen === undefined ? 0 : chosen * n;
  const stop = chosen === undefined ? n * n : first + n;
  for (let at = first; at < stop; at++) if (weights[at] >= LEAST * UNIT) found.push(at);
  if (found.length > most) {
    found.sort((one, other) => weights[other] - weights[one]);
    found.length = most;
  }
  return found.map((at) => ({ from: Math.floor(at / n), to: at % n, weight: weights[at] / UNIT }));
}

/**
 * @param {Uint16Array} weights
 * @param {number} n
 */
const small = (weights, n) => (/** @type {number} */ width, /** @type {any} */ colors) => {
  const height = Math.round(width * 0.9);
  const y = (/** @type {number} */ at) => 4 + ((height - 8) * (at + 0.5)) / n;
  return {
    width, height, paper: colors.card, boxes: [], dots: [], labels: [],
    lines: strongest(weights, n, SMALL_LINES).map(({ from, to, weight }) => ({
      x1: 6, y1: y(from), x2: width - 6, y2: y(to), width: 1.2, color: colors.accent, opacity: weight,
    })),
  };
};

/**
 * @param {Uint16Array} weights
 * @param {string[]} names
 * @param {number} chosen
 */
const large = (weights, names, chosen) => (/** @type {number} */ width, /** @type {any} */ colors) => {
  const n = names.length;
  const row = Math.min(ROW, TALLEST / n);
  const side = Math.min(150, width * 0.3);
  const letters = Math.max(4, Math.floor((side - 8) / 7.5));
  const y = (/** @type {number} */ at) => 20 + row * (at + 0.5);
  const own = new Set([chosen]);
  /** @type {import("moodmill/model/scene.js").Label[]} */
  const labels = [
    { x: side - 8, y: 9, text: "from", anchor: "end", color: colors.soft, size: 12 },
    { x: width - side + 8, y: 9, text: "looks at", anchor: "start", color: colors.soft, size: 12 },
  ];
  // Where rows are narrower than letters, some names have room.
  const every = Math.ceil(11 / row);
  for (let at = 0; at < n; at++) {
    if (at % every && !own.has(at)) continue;
    const name = [...names[at]];
    const text = name.length > letters ? `${name.slice(0, letters - 1).join("")}…` : names[at];
    const bold = own.has(at);
    const color = bold ? colors.accent : colors.ink;
    labels.push({ x: side - 8, y: y(at), text, anchor: "end", color, size: 12.5, bold });
    labels.push({ x: width - side + 8, y: y(at), text, anchor: "start", color: colors.ink, size: 12.5 });
  }
  const all = strongest(weights, n, LINES).filter((line) => line.from !== chosen);
  const ours = strongest(weights, n, LINES, chosen);
  /** @param {{from: number, to: number, weight: number}} line @param {string} color @param {number} strength */
  const drawn = (line, color, strength) => ({
    x1: side, y1: y(line.from), x2: width - side, y2: y(line.to), width: color === colors.accent ? 2 : 1.2, color,
    opacity: strength * line.weight,
  });
  return {
    width, height: Math.ceil(28 + row * n), paper: colors.card, boxes: [], dots: [], labels,
    lines: [...all.map((line) => drawn(line, colors.soft, 0.6)), ...ours.map((line) => drawn(line, colors.accent, 1))],
  };
};

/**
 * @param {{model: import("moodmill/api.js").Model, drawn: import("moodmill/api.js").Drawn | null, missing: boolean, place: any,
 *   go: any}} props
 */
export function Encoder({ model, drawn, missing, place, go }) {
  const spans = Array.from({ length: model.layers }, (_, at) => at);
  return html`
    <div class="layers" role="group" aria-label="Layers" onKeyDown=${byArrows}>${spans.map((at) => html`
      <button type="button" class="layer" aria-pressed=${at === place.layer} tabindex=${at === place.layer ? 0 : -1}
        onClick=${() => go({ layer: at })}>Layer ${at + 1}</button>`)}</div>
    ${missing && html`<p class="warning">The saved page holds the attention of another layer only.</p>`}
    ${!missing && !model.heads && html`<p class="warning">This model gives no attention.</p>`}
    ${drawn && html`<${Layer} drawn=${drawn} place=${place} go=${go} />`}`;
}

/**
 * A layer's heads. What is drawn belongs together: the tokens are those that the weights are of.
 * @param {{drawn: import("moodmill/api.js").Drawn, place: any, go: any}} props
 */
function Layer({ drawn, place, go }) {
  const [hovered, setHovered] = useState(/** @type {number | null} */ (null));
  const { attention, layer } = drawn;
  const names = drawn.tokens.map(tokenName);
  const n = names.length;
  const head = Math.min(place.head, attention.heads - 1);
  const token = Math.min(hovered ?? place.token, n - 1);
  const weights = ofHead(attention, head);
  const row = weights.subarray(token * n, (token + 1) * n);
  /** The token at a height of the picture. @param {number} y */
  const tokenAt = (y) => {
    const at = Math.floor((y - 20) / Math.min(ROW, TALLEST / n));
    return at >= 0 && at < n ? at : null;
  };
  return html`
      <div class="heads" role="group" aria-label=${`Heads of layer ${layer + 1}`} onKeyDown=${byArrows}>
        ${Array.from({ length: attention.heads }, (_, at) => html`
        <button type="button" class="head" aria-pressed=${at === head} tabindex=${at === head ? 0 : -1} onClick=${() => go({ head: at })}>
          <${Picture} scene=${small(ofHead(attention, at), n)} drawn=${[attention]} label="" still /><span>Head ${at + 1}</span>
        </button>`)}</div>
      <div class="focus">
        <div>
          <h3>Layer ${layer + 1}, head ${head + 1}</h3>
          <${Picture} scene=${large(weights, names, token)} drawn=${[attention, head, token]}
            label=${`Attention of layer ${layer + 1}, head ${head + 1}: lines from each token to those it looks at`}
            name=${`attention-layer-${layer + 1}-head-${head + 1}`} onPoint=${(/** @type {number | null} */ y) => setHovered(y === null ? null : tokenAt(y))}
            onPick=${(/** @type {number} */ y) => tokenAt(y) !== null && go({ token: tokenAt(y) })} />
        </div>
        <div>
          <h3><span dir="auto">${names[token]}</span> looks at</h3>
          <table class="weights"><thead><tr><th scope="col">token</th><th scope="col" class="number">weight</th><td></td></tr></thead>
          <tbody>${largest(row, LISTED).map((at) => html`<tr><th scope="row" dir="auto">${names[at]}</th>
            <td class="number">${(row[at] / UNIT).toFixed(3)}</td>
            <td class="bar"><span style=${{ width: `${(100 * row[at]) / UNIT}%` }}></span></td></tr>`)}</tbody></table>
          ${n > LISTED && html`<p class="soft">The other ${n - LISTED} have ${
            ((UNIT - largest(row, LISTED).reduce((sum, at) => sum + row[at], 0)) / UNIT).toFixed(3)} in all. Weights of a token add
            up to 1.</p>`}
        </div>
      </div>`;
}
