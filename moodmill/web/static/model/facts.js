// Parts 6 and 7: how the model was made, and of what data, by its own card and recipe.
import { html } from "moodmill/dom.js";
import { count } from "moodmill/format.js";

/** @param {number} number */
const short = (number) => (number >= 1e6 ? `${(number / 1e6).toFixed(1)} M` : count(number));

/** @param {{value: any, name: string}} props */
const Tile = ({ value, name }) => html`<div class="tile"><b>${value ?? "–"}</b><span>${name}</span></div>`;

/**
 * Return a figure of the results in a model card, in the form that the Hub has for them.
 * @param {any} card
 * @param {(name: string) => boolean} fits
 */
function resultOf(card, fits) {
  for (const { results } of card["model-index"] ?? [])
    for (const { metrics } of results ?? [])
      for (const metric of metrics ?? [])
        if (fits(`${metric.name ?? ""} ${metric.type ?? ""}`.toLowerCase()) && typeof metric.value === "number") return metric.value;
  return null;
}

/** @param {any} value */
const words = (value) => (Array.isArray(value) ? value.join(", ") : value);

/** @param {{rows: [string, any][]}} props */
function List({ rows }) {
  const said = rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return html`<dl class="facts">${said.map(([name, value]) => html`<dt>${name}</dt><dd>${words(value)}</dd>`)}</dl>`;
}

/** @param {{model: import("moodmill/api.js").Model}} props */
export function Training({ model }) {
  const { card, recipe, training } = model.facts;
  const f1 = training.evaluation?.macro_f1 ?? resultOf(card, (name) => name.includes("macro") && name.includes("f1"));
  const silent = !Object.keys(training).length && !Object.keys(recipe).length;
  return html`
    <div class="tiles">
      <${Tile} value=${f1 === null || f1 === undefined ? null : f1.toFixed(3)} name=${`macro-F1${training.evaluation ? ` on ${training.evaluation.data}` : ""}`} />
      <${Tile} value=${short(model.parameters)} name="parameters" />
      <${Tile} value=${training.steps ? count(training.steps) : null} name="training steps" />
      <${Tile} value=${training.epochs ?? recipe.epochs} name="epochs" />
    </div>
    ${silent && html`<p class="soft">This model's folder does not say how it was trained: it has no recipe.</p>`}
    <${List} rows=${[
      ["Base model", card.base_model],
      ["Loss", training.loss],
      ["Optimizer", training.optimizer],
      ["Learning rate", training.schedule],
      ["Batch", recipe.batch && `${recipe.batch} texts`],
      ["Judged by", training.metric],
      ["Segments", recipe.segment_tokens && `${recipe.segment_tokens} tokens at most`],
      ["Licence", card.license],
    ]} />`;
}

/** @param {{model: import("moodmill/api.js").Model}} props */
export function Dataset({ model }) {
  const { card, training } = model.facts;
  const dataset = training.dataset ?? {};
  /** @type {[string, number][]} */
  const counts = Object.entries(dataset.comments_by_emotion ?? {});
  counts.sort(([, one], [, other]) => other - one);
  const most = counts[0]?.[1] ?? 1;
  const groups = Object.fromEntries(model.emotions.map((emotion) => [emotion.name, emotion.group]));
  return html`
    <div class="tiles">
      <${Tile} value=${dataset.train ? count(dataset.train) : null} name="comments learned from" />
      <${Tile} value=${dataset.dev ? count(dataset.dev) : null} name="comments judged by (dev)" />
      <${Tile} value=${dataset.emotions_per_comment?.toFixed(2)} name="emotions a comment" />
      <${Tile} value=${model.emotions.length} name="emotions, several at once" />
    </div>
    ${!training.dataset && html`<p class="soft">This model's folder does not say what it was trained on${card.datasets ? `, but for the names below` : ""}.</p>`}
    <${List} rows=${[
      ["Dataset", dataset.name ?? card.datasets],
      ["Kind", dataset.kind],
      ["Language", card.language],
      ["Without labels", dataset.unlabelled && `${count(dataset.unlabelled)} comments more, of which teachers' probabilities are learned`],
    ]} />
    ${counts.length > 0 && html`<details><summary>Comments of each emotion</summary><ol class="ranking small">${counts.map(([name, n]) => html`
      <li class=${groups[name] ?? ""}><div><span class="name">${name}</span><span class="track"><span class="fill" style=${{ width: `${(100 * n) / most}%` }}></span></span>
        <span class="number">${count(n)}</span></div></li>`)}</ol></details>`}`;
}
