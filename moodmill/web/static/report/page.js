// A report: the results of a store in one file, by the same parts as the pages have.
import { saved } from "moodmill/api.js";
import { html, mount } from "moodmill/dom.js";
import { count } from "moodmill/format.js";
import { Opened } from "moodmill/results/chart.js";
import { looksOf, MEASURES } from "moodmill/results/emotions.js";
import { comments, share, subreddit } from "moodmill/results/numbers.js";
import { Comments, EmotionBars, HeatMapPart, LEAST, Measures, PairsList, PairsMatrix, TrendChart } from "moodmill/results/parts.js";
import { Picks } from "moodmill/results/tools.js";
import { SHARED, useView } from "moodmill/results/view.js";
import { OverTime, Tiles } from "moodmill/results/whole.js";
import { Guarded, Shell } from "moodmill/shell.js";

/** A finding as it was: texts that come again are written once. @param {any} packed */
const unpacked = (packed) => packed && {
  ...packed,
  rows: packed.rows.map((/** @type {any[]} */ row) => row.map((value, at) => packed.words[packed.columns[at]]?.[value] ?? value)),
};

const { facts, unsupported, chosen, made } = saved;
const [overview, trend, bySubreddit, heatmap, pairs] = [saved.overview, saved.trend, saved.subreddit_trend, saved.heatmap, saved.pairs].map(unpacked);
const examples = Object.fromEntries(Object.entries(saved.examples).map(([name, finding]) => [name, unpacked(finding)]));
const looks = looksOf(facts.emotions);
const GROUPS = ["positive", "negative", "ambiguous"];

/** @param {{title: string, lead?: any, id?: string, children?: any}} props */
const Part = ({ title, lead, id, children }) => html`<section id=${id}><h2>${title}</h2>${lead && html`<p class="soft">${lead}</p>`}<${Guarded}>${children}<//></section>`;

function About() {
  const names = [...new Set(heatmap.rows.map((/** @type {any[]} */ row) => row[0]))];
  const strange = unsupported.language + unsupported.tokens;
  const said = [
    facts.first && ["Days", facts.first === facts.last ? `${facts.first} (UTC)` : `${facts.first} to ${facts.last} (UTC)`],
    facts.untimed > 0 && ["Time unknown", comments(facts.untimed)],
    ["Subreddits", facts.subreddits === 0 ? "none known" : facts.subreddits === 1 && names.length ? html`<bdi>${subreddit(names[0])}</bdi>` : count(facts.subreddits)],
    strange > 0 && ["Unsupported", `${comments(unsupported.language)} in another language than the model's, ${count(unsupported.tokens)} unknown to its tokenizer: counted here, but no examples`],
    chosen && ["Chosen", chosen],
    ["Model", facts.model],
    ["Made", `${made} (UTC), by moodmill`],
  ].filter(Boolean);
  return html`<dl class="facts">${said.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** @param {any} finding @param {string} measure */
function title(finding, measure) {
  const [name] = finding.rows[0];
  const value = finding.rows[0][finding.columns.indexOf(measure)];
  return value > 0 ? `${name[0].toUpperCase()}${name.slice(1)} is found most often: in ${share(value)} of comments` : "No emotion is found in any of these comments";
}

function Report() {
  const [view, go] = useView({ ...SHARED, emotions: "", sort: "", of: overview.rows[0][0] });
  const shown = Object.keys(examples).filter((name) => examples[name].rows.length);
  return html`<${Shell} page="">
    <h1>Emotions in ${comments(facts.comments)}</h1>
    <${About} />
    <${Tiles} facts=${facts} />
    <p class="tools"><label>Measure <select value=${view.measure} onChange=${(/** @type {any} */ event) => go({ measure: event.target.value })}>
      ${Object.entries(MEASURES).map(([name, said]) => html`<option value=${name}>${said}</option>`)}</select></label></p>
    <${Part} title=${title(overview, "share")} lead=${html`Lines are 95 % intervals. <a href="#measures">What the numbers mean</a>.${trend && " A name shows the emotion alone over time."}`}>
      <${EmotionBars} finding=${overview} view=${view} looks=${looks} onPick=${trend && ((/** @type {string} */ name) => go({ emotions: name }))} /><//>
    ${trend && html`<${Part} id="time" title=${`How often each emotion is found, ${trend.columns[2]} by ${trend.columns[2]}`}>
      <${OverTime} finding=${trend} view=${view} go=${go} looks=${looks} /><//>`}
    ${bySubreddit && html`<${Part} title="In each subreddit over time">
      <${Picks} names=${Object.keys(looks)} shown=${[view.of]} looks=${looks} onChange=${(/** @type {string[]} */ names) => go({ of: names.find((name) => name !== view.of) ?? view.of })} />
      <${TrendChart} finding=${bySubreddit} view=${view} looks=${looks} shown=${[view.of]} name="subreddits-over-time" /><//>`}
    ${heatmap.rows.length > 0 && html`<${Part} title="By subreddit" lead=${`Those with most comments; of fewer than ${LEAST}, nothing is shown. The darker, the more often; a column's name puts its subreddits in order.`}>
      <${HeatMapPart} finding=${heatmap} view=${view} looks=${looks} onSort=${(/** @type {string} */ sort) => go({ sort })} /><//>`}
    <${Part} title="Which go together" lead="Of the comments with one emotion, the share that has another one too.">
      <${PairsList} finding=${pairs} view=${view} looks=${looks} />
      <${Opened} title="All pairs" draw=${() => html`<${PairsMatrix} finding=${pairs} view=${view} looks=${looks} />`} /><//>
    ${shown.length > 0 && html`<${Part} title="The comments that show each emotion most clearly"
      lead="Those of highest probability; of equal texts one. They show what the model takes for an emotion, and are no average comments.">
      ${GROUPS.map((group) => html`<h3 class=${group}>${group[0].toUpperCase()}${group.slice(1)}</h3>
        <div class="examples">${shown.filter((name) => looks[name].group === group).map((name) => html`<div class=${group}><h4>${name}</h4>
          <${Comments} finding=${{ ...examples[name], remarks: [] }} emotion=${name} looks=${looks} threshold=${facts.emotions.find((/** @type {any} */ one) => one.name === name).threshold} /></div>`)}</div>`)}
      ${[...new Set(shown.flatMap((name) => examples[name].remarks))].map((remark) => html`<p class="soft remark">${remark}</p>`)}<//>`}
    <${Measures} />
    <section class="method"><p>The model gives each comment a probability for each of the 27 emotions of GoEmotions. What a model finds is not what a
      person felt: irony, quotes and short texts mislead it, and rare emotions are found less surely than frequent ones. Counts are by day in UTC, of
      all ${count(facts.comments)} comments: nothing is sampled. This page loads nothing from elsewhere.</p></section>
  <//>`;
}

mount(html`<${Report} />`);
