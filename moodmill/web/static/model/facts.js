// Parts 6 and 7: how the model was made, and of what data, by its own card and recipe.
import { html } from "moodmill/dom.js";
import { count, percent } from "moodmill/format.js";

/** @param {number | null} number */
const counted = (number) => (number === null ? null : count(number));

/** @param {{value: any, name: string}} props */
const Tile = ({ value, name }) => html`<div class="tile"><b>${value ?? "–"}</b><span>${name}</span></div>`;

/** @param {{rows: [string, any][]}} props */
const List = ({ rows }) => html`<dl class="facts">${rows
  .filter(([, value]) => value !== null && value !== "")
  .map(([name, value]) => html`<dt>${name}</dt><dd>${Array.isArray(value) ? value.join(", ") : value}</dd>`)}</dl>`;

/** @param {{model: import("moodmill/api.js").Model}} props */
export function Training({ model }) {
  const { facts } = model;
  const silent = facts.epochs === null && facts.steps === null;
  return html`
    <div class="tiles">
      <${Tile} value=${facts.macro_f1?.toFixed(3)} name=${`macro-F1${facts.judged_on ? ` on ${facts.judged_on}` : ""}`} />
      <${Tile} value=${model.parameters >= 1e6 ? `${(model.parameters / 1e6).toFixed(1)} M` : count(model.parameters)} name="parameters" />
      <${Tile} value=${counted(facts.steps)} name="training steps" />
      <${Tile} value=${facts.epochs} name="epochs" />
    </div>
    ${silent && html`<p class="soft">This model's folder does not say how it was trained: it has no recipe.</p>`}
    <${List} rows=${[
      ["Base model", facts.base_model],
      ["Loss", facts.loss],
      ["Optimizer", facts.optimizer],
      ["Learning rate", facts.schedule],
      ["Batch", facts.batch && `${count(facts.batch)} texts`],
      ["Metric", facts.metric],
      ["Joined comments", facts.joined && `besides each by itself, all once more an epoch, up to ${count(facts.joined)} joined`],
      ["Token masking", facts.token_masking && percent(facts.token_masking)],
      ["Labels' share", facts.soft_labels && `${percent(facts.label_share ?? 0.5)} of the target; the rest is what larger models say`],
      ["Segments", facts.segment_tokens && `${count(facts.segment_tokens)} tokens at most`],
      ["Licence", facts.license],
    ]} />`;
}

/** @param {{model: import("moodmill/api.js").Model}} props */
export function Dataset({ model }) {
  const { facts } = model;
  const shown = model.emotions.filter(({ name }) => name in facts.comments_by_emotion);
  shown.sort((one, other) => facts.comments_by_emotion[other.name] - facts.comments_by_emotion[one.name]);
  const most = Math.max(1, ...shown.map(({ name }) => facts.comments_by_emotion[name]));
  return html`
    <div class="tiles">
      <${Tile} value=${counted(facts.train)} name="training comments" />
      <${Tile} value=${counted(facts.dev)} name="validation comments (dev)" />
      <${Tile} value=${facts.emotions_per_comment?.toFixed(2)} name="emotions per comment (mean)" />
      <${Tile} value=${model.emotions.length} name="emotions, several at once" />
    </div>
    ${facts.train === null && html`<p class="soft">This model's folder does not say how much it was trained on.</p>`}
    <${List} rows=${[
      ["Dataset", facts.dataset],
      ["Kind", facts.kind],
      ["Language", facts.language],
      ["Without labels", facts.unlabelled && `${count(facts.unlabelled)} more comments without human labels; the model learned the predictions of larger models for them`],
    ]} />
    ${shown.length > 0 && html`<details><summary>Comments of each emotion</summary><ol class="ranking small">${shown.map(({ name, group }) => html`
      <li class=${group}><div><span class="name">${name}</span>
        <span class="track"><span class="fill" style=${{ width: `${(100 * facts.comments_by_emotion[name]) / most}%` }}></span></span>
        <span class="number">${count(facts.comments_by_emotion[name])}</span></div></li>`)}</ol></details>`}`;
}
