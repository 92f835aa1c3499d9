// What a reader sets: time, measure, the least number of comments, and names of subreddits.
import { useState } from "preact/hooks";
import { useAnswer } from "moodmill/answers.js";
import { html } from "moodmill/dom.js";
import { count } from "moodmill/format.js";
import { MEASURES } from "moodmill/results/emotions.js";
import { askFinding } from "moodmill/results/findings.js";

/** How long a name stays as it is before it is looked for, in ms. */
const CALM = 120;

/** @param {{view: any, go: any, facts: import("moodmill/results/findings.js").Facts, without?: string[]}} props */
export function Tools({ view, go, facts, without = [] }) {
  const field = (/** @type {string} */ name) => (/** @type {any} */ event) => go({ [name]: event.target.value });
  return html`<form class="tools" aria-label="What is shown" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    ${!without.includes("time") && html`
      <label>From <input type="date" value=${view.since} min=${facts.first} max=${facts.last} onChange=${field("since")} /></label>
      <label>to before <input type="date" value=${view.until} onChange=${field("until")} /></label>`}
    ${!without.includes("measure") && html`<label>Measure <select value=${view.measure} onChange=${field("measure")}>
      ${Object.entries(MEASURES).map(([name, title]) => html`<option value=${name}>${title}</option>`)}</select></label>`}
    ${(view.since || view.until) && !without.includes("time") && html`<button type="button" onClick=${() => go({ since: "", until: "" })}>All time</button>`}
  </form>`;
}

/** @param {{value: number, go: any, choices?: number[]}} props */
export const Least = ({ value, go, choices = [1, 30, 100, 300, 1000, 10000] }) => html`<label>At least <select value=${String(value)}
  onChange=${(/** @type {any} */ event) => go({ least: Number(event.target.value) })}>
  ${[...new Set([...choices, value])].sort((one, other) => one - other).map((n) => html`<option value=${String(n)}>${count(n)}</option>`)}</select> comments</label>`;

/** How time is cut. @param {{value: string, go: any}} props */
export const PickBy = ({ value, go }) => html`<label>By <select value=${value} onChange=${(/** @type {any} */ event) => go({ by: event.target.value })}>
  ${[["", "what fits"], ["day", "day"], ["week", "week"], ["month", "month"]].map(([by, name]) => html`<option value=${by}>${name}</option>`)}</select></label>`;

/** @param {{emotions: import("moodmill/results/findings.js").Emotion[], value: string, onPick: (name: string) => void, label?: string, any?: string}} props */
export const PickEmotion = ({ emotions, value, onPick, label = "Emotion", any }) => html`<label>${label} <select value=${value}
  onChange=${(/** @type {any} */ event) => onPick(event.target.value)}>
  ${any && html`<option value="">${any}</option>`}
  ${["positive", "negative", "ambiguous"].map((group) => html`<optgroup label=${group}>
    ${emotions.filter((emotion) => emotion.group === group).map(({ name }) => html`<option value=${name}>${name}</option>`)}</optgroup>`)}
</select></label>`;

/**
 * A field for the name of a subreddit, which knows those that there are.
 * @param {{label: string, value: string, onPick: (name: string) => void, id: string, hint?: string}} props
 */
export function PickSubreddit({ label, value, onPick, id, hint }) {
  const [typed, setTyped] = useState(value);
  const [before, setBefore] = useState(value);
  if (before !== value) {
    setBefore(value);
    setTyped(value);
  }
  const known = useAnswer((signal) => askFinding("subreddits", { named: typed, limit: 20 }, signal), [typed], CALM);
  const names = known.value?.rows ?? [];
  /** @param {any} event */
  const pick = (event) => {
    event.preventDefault();
    onPick(typed.trim());
  };
  /** @param {any} event */
  const type = (event) => {
    setTyped(event.target.value);
    // A choice among the names that are offered is a whole name at once.
    if (event.inputType === undefined || event.inputType === "insertReplacementText") onPick(event.target.value);
  };
  return html`<form class="pick-name" onSubmit=${pick}>
    <label>${label} <input type="text" list=${id} value=${typed} placeholder=${hint} autocomplete="off" spellcheck=${false} onInput=${type} /></label>
    <datalist id=${id}>${names.map(([name, n]) => html`<option value=${name}>${count(n)}</option>`)}</datalist>
    <button type="submit">Show</button>
  </form>`;
}

/** Buttons to show and hide. @param {{names: string[], shown: string[], onChange: (shown: string[]) => void, looks: any}} props */
export const Picks = ({ names, shown, onChange, looks }) => html`<p class="picks" role="group" aria-label="Emotions that are shown">
  ${names.map((name) => html`<button type="button" class=${looks[name]?.group ?? ""} aria-pressed=${shown.includes(name)}
    onClick=${() => onChange(shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name])}><span class="spot-of" style=${{ background: looks[name]?.color }}></span>${name}</button>`)}
  ${shown.length > 1 && html`<button type="button" class="alone" onClick=${() => onChange(shown.slice(0, 1))}>Only ${shown[0]}</button>`}
</p>`;
