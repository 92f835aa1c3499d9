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
const TOP = 20;
/** How strong the lines of other tokens are beside those of the one in focus, whose strongest line has all its color. */
const BESIDE = 0.5;
/** Tokens whose weights are listed. */
const LISTED = 8;

/**
 * Return the weights of one head, [n * n].
 * @param {import("moodmill/api.js").Attention} attention
 * @param {number} head
 */
const ofHead = ({ tokens, weights }, head) => weights.subarray(head * tokens * tokens, (head + 1) * tokens * tokens);

/**
 * Return the strongest weights as pairs of tokens.
 * @param {Uint16Array} weights
 * @param {number} n
 * @param {number} most
 */
function strongest(weights, n, most) {
  const found = [];
  for (let at = 0; at < n * n; at++) if (weights[at] >= LEAST * UNIT) found.push(at);
  if (found.length > most) {
    found.sort((one, other) => weights[other] - weights[one]);
    found.length = most;
  }
  return found.map((at) => ({ from: Math.floor(at / n), to: at % n, weight: weights[at] / UNIT }));
}

/**
 * A token that is looked at closely: what it looks at, or, on the right side, what looks at it.
 * @typedef {{at: number, isTarget: boolean}} Focus
 */

/**
 * Return a token's weights, [n].
 * @param {Uint16Array} weights
 * @param {number} n
 * @param {Focus} focus
 */
const weightsOf = (weights, n, { at, isTarget }) =>
  Array.from({ length: n }, (_, other) => (isTarget ? weights[other * n + at] : weights[at * n + other]) / UNIT);

/** Where a picture of n tokens has its rows. @param {number} n */
const rowsOf = (n) => {
  const row = Math.min(ROW, TALLEST / n);
  return { row, y: (/** @type {number} */ at) => TOP + row * (at + 0.5), tokenAt: (/** @type {number} */ y) => Math.floor((y - TOP) / row) };
};

/**
 * @param {Uint16Array} weights
 * @param {number} n
 */
const small = (weights, n) => (/** @type {number} */ width, /** @type {any} */ colors) => {
  const height = Math.round(width * 0.9);
  const y = (/** @type {number} */ at) => 4 + ((height - 8) * (at + 0.5)) / n;
  const line = { x1: 6, x2: width - 6, width: Math.min(1.2, (0.6 * height) / n), color: colors.accent };
  return {
    width, height, paper: colors.card, boxes: [], dots: [], labels: [],
    lines: strongest(weights, n, SMALL_LINES).map(({ from, to, weight }) => ({ ...line, y1: y(from), y2: y(to), opacity: weight })),
  };
};

/**
 * @param {Uint16Array} weights
 * @param {string[]} names
 * @param {Focus} focus
 */
const large = (weights, names, focus) => (/** @type {number} */ width, /** @type {any} */ colors) => {
  const n = names.length;
  const { row, y } = rowsOf(n);
  const side = Math.min(150, width * 0.3);
  const letters = Math.max(4, Math.floor((side - 8) / 7.5));
  /** @type {import("moodmill/model/scene.js").Label[]} */
  const labels = [
    { x: side - 8, y: 9, text: "from", anchor: "end", color: colors.soft, size: 12 },
    { x: width - side + 8, y: 9, text: "looks at", anchor: "start", color: colors.soft, size: 12 },
  ];
  // Where rows are narrower than letters, some names have room.
  const every = Math.ceil(11 / row);
  for (let at = 0; at < n; at++) {
    if (at % every && at !== focus.at) continue;
    const name = [...names[at]];
    const text = name.length > letters ? `${name.slice(0, letters - 1).join("")}…` : names[at];
    for (const isTarget of [false, true]) {
      const bold = at === focus.at && isTarget === focus.isTarget;
      const place = isTarget ? { x: width - side + 8, anchor: /** @type {"start"} */ ("start") } : { x: side - 8, anchor: /** @type {"end"} */ ("end") };
      labels.push({ ...place, y: y(at), text, color: bold ? colors.accent : colors.ink, size: 12.5, bold });
    }
  }
  const between = { x1: side, x2: width - side };
  const own = weightsOf(weights, n, focus);
  const most = Math.max(...own, LEAST);
  const others = strongest(weights, n, LINES).filter(({ from, to }) => (focus.isTarget ? to : from) !== focus.at);
  return {
    width, height: Math.ceil(TOP + 8 + row * n), paper: colors.card, boxes: [], dots: [], labels,
    lines: [
      ...others.map(({ from, to, weight }) => ({
        ...between, y1: y(from), y2: y(to), width: 1.2, color: colors.soft, opacity: BESIDE * weight,
      })),
      ...largest(own, LINES).filter((at) => own[at] >= LEAST * most).map((at) => ({
        ...between, y1: y(focus.isTarget ? at : focus.at), y2: y(focus.isTarget ? focus.at : at), width: 2, color: colors.accent,
        opacity: own[at] / most,
      })),
    ],
  };
};

/**
 * @param {{model: import("moodmill/api.js").Model, drawn: import("moodmill/api.js").Drawn | null, missing: boolean, place: any,
 *   go: any}} props
 */
export function Encoder({ model, drawn, missing, place, go }) {
  return html`
    <div class="layers" role="group" aria-label="Layers" onKeyDown=${byArrows}>${Array.from({ length: model.layers }, (_, at) => html`
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
  const [hovered, setHovered] = useState(/** @type {Focus | null} */ (null));
  const { attention, layer } = drawn;
  const names = drawn.tokens.map(tokenName);
  const n = names.length;
  const head = Math.min(place.head, attention.heads - 1);
  const focus = hovered && hovered.at < n ? hovered : { at: Math.min(place.token, n - 1), isTarget: false };
  const weights = ofHead(attention, head);
  const own = weightsOf(weights, n, focus);
  const listed = largest(own, LISTED);
  const others = own.reduce((sum, weight) => sum + weight, 0) - listed.reduce((sum, at) => sum + own[at], 0);
  /** @param {number} x @param {number} y @param {number} width @returns {Focus | null} */
  const focusAt = (x, y, width) => {
    const at = rowsOf(n).tokenAt(y);
    return at >= 0 && at < n ? { at, isTarget: x > width / 2 } : null;
  };
  return html`
    <div class="heads" role="group" aria-label=${`Heads of layer ${layer + 1}`} onKeyDown=${byArrows}>
      ${Array.from({ length: attention.heads }, (_, at) => html`
      <button type="button" class="head" aria-pressed=${at === head} tabindex=${at === head ? 0 : -1} onClick=${() => go({ head: at })}>
        <${Picture} scene=${small(ofHead(attention, at), n)} appears=${[attention]} label="" /><span>Head ${at + 1}</span>
      </button>`)}</div>
    <div class="focus">
      <div>
        <h3>Layer ${layer + 1}, head ${head + 1}</h3>
        <${Picture} scene=${large(weights, names, focus)} appears=${[attention, head]} changes=${[focus.at, focus.isTarget]}
          label=${`Attention of layer ${layer + 1}, head ${head + 1}: lines from each token to those it looks at`}
          name=${`attention-layer-${layer + 1}-head-${head + 1}`}
          onPoint=${(/** @type {any[]} */ ...at) => setHovered(at[0] === null ? null : focusAt(at[0], at[1], at[2]))}
          onPick=${(/** @type {any[]} */ ...at) => go({ token: focusAt(at[0], at[1], at[2])?.at ?? place.token })} />
      </div>
      <div>
        <h3><span dir="auto">${names[focus.at]}</span> ${focus.isTarget ? "is looked at by" : "looks at"}</h3>
        <table class="weights"><thead><tr><th scope="col">token</th><th scope="col" class="number">weight</th><td></td></tr></thead>
        <tbody>${listed.map((at) => html`<tr><th scope="row" dir="auto">${names[at]}</th>
          <td class="number">${own[at].toFixed(3)}</td>
          <td class="share"><span style=${{ width: `${100 * own[at]}%` }}></span></td></tr>`)}</tbody></table>
        <p class="soft">${n > LISTED && `The other ${n - LISTED} have ${others.toFixed(3)} in all. `}${focus.isTarget ? "" : "Weights of a token add up to 1. "}
          The token's strongest line has all of its color.</p>
      </div>
    </div>`;
}
