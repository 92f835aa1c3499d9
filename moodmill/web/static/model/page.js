// How the model works: the nine parts, from a text to its emotions.
import { useCallback, useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { askAttention, askEffects, askExplained, askModel, askSaved, saved } from "moodmill/api.js";
import { html, mount } from "moodmill/dom.js";
import { count, download, largest, percent } from "moodmill/format.js";
import { Encoder } from "moodmill/model/attention.js";
import { Dataset, Training } from "moodmill/model/facts.js";
import { Head, UNASKED, Why } from "moodmill/model/head.js";
import { MultiLabel } from "moodmill/model/multilabel.js";
import { Output } from "moodmill/model/output.js";
import { Steps } from "moodmill/model/steps.js";
import { Tokens } from "moodmill/model/tokens.js";
import { readPlace, writePlace } from "moodmill/place.js";
import { Failure, Guarded, Shell } from "moodmill/shell.js";

/** @type {import("moodmill/place.js").Place} */
const FIRST = { text: "I am so happy today!", segment: 0, layer: 0, head: 0, token: 0, emotion: "", top: 5 };
/** Texts of this many characters are sent while one types; longer ones after a pause, in ms. */
const SHORT = 2000;
const PAUSE = 300;
/** How long a text stays as it is before its tokens are left out one by one, in ms. */
const CALM = 250;

/** @param {{number: number, title: string, children?: any}} props */
const Part = ({ number, title, children }) => html`<section id=${`part-${number}`} aria-labelledby=${`title-${number}`}>
  <h2 id=${`title-${number}`}><span class="step">${number}</span> ${title}</h2><${Guarded}>${children}<//></section>`;

/**
 * Ask for something whenever what it depends on changes; what was asked before is given up.
 * @template Answer
 * @param {((signal: AbortSignal) => Promise<Answer>) | null} ask
 * @param {any[]} on
 * @param {number} [pause] In ms.
 * @returns {{value: Answer | null, error: Error | null, fresh: boolean, on: any[]}}
 */
function useAnswer(ask, on, pause = 0) {
  const [state, setState] = useState(/** @type {any} */ ({ value: null, error: null, on: [] }));
  // Before the browser draws: what is asked for is on its way while it does.
  useLayoutEffect(() => {
    if (!ask) return;
    const stop = new AbortController();
    const begin = () => ask(stop.signal).then(
      (value) => !stop.signal.aborted && setState({ value, error: null, on }),
      (error) => !stop.signal.aborted && setState((/** @type {any} */ before) => ({ ...before, error, on })),
    );
    const timer = pause ? setTimeout(begin, pause) : void begin();
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, on);
  const fresh = !state.error && state.on.length === on.length && state.on.every((/** @type {any} */ one, /** @type {number} */ at) => one === on[at]);
  return { ...state, fresh };
}

/**
 * @param {import("moodmill/api.js").Model} model
 * @param {import("moodmill/api.js").Explained} explained
 */
function answerOf(model, { served }) {
  const found = largest(served, model.emotions.length).filter((at) => served[at] > model.emotions[at].threshold);
  if (!found.length) return "None of the 27 emotions is above its threshold.";
  return html`Found: <b>${found.map((at) => `${model.emotions[at].name} ${percent(served[at])}`).join(", ")}</b>`;
}

/** @param {{model: import("moodmill/api.js").Model}} props */
function Explorer({ model }) {
  const [place, setPlace] = useState(readPlace(FIRST));
  const [asked, setAsked] = useState("");
  const go = useCallback((/** @type {any} */ change) => setPlace((before) => {
    const same = Object.keys(change).every((name) => /** @type {any} */ (before)[name] === change[name]);
    return same ? before : { ...before, ...change, ...("text" in change ? { segment: 0, token: 0 } : {}) };
  }), []);
  useEffect(() => {
    const timer = setTimeout(() => writePlace(place, FIRST), 150); // browsers refuse many changes of an address
    return () => clearTimeout(timer);
  }, [place]);

  const { text } = place;
  const layer = Math.min(Math.max(place.layer, 0), model.layers - 1);
  const head = Math.min(Math.max(place.head, 0), model.heads - 1);
  const answer = useAnswer((signal) => askExplained(text, place.segment, signal), [text, place.segment], text.length > SHORT ? PAUSE : 0);
  const explained = answer.value;
  useEffect(() => {
    // An address may name a segment that its text does not have.
    if (answer.error && place.segment) go({ segment: 0 });
  }, [answer.error]);
  const key = `${place.segment}/${text}`;
  const n = explained?.tokens.length ?? 0;
  const attention = useAnswer(explained && answer.fresh && model.heads ? async (signal) => {
    const weights = await askAttention(text, place.segment, layer, model.heads, signal);
    return weights && { tokens: explained.tokens, layer, attention: weights };
  } : null, [explained, layer]);
  const drawn = attention.error ? null : attention.value;
  const wanted = explained && answer.fresh && (n <= UNASKED || asked === key || saved);
  const effects = useAnswer(wanted ? (signal) => askEffects(text, place.segment, signal) : null, [explained, Boolean(wanted)], saved ? 0 : CALM);
  const chosen = useMemo(() => {
    const named = model.emotions.findIndex((emotion) => emotion.name === place.emotion);
    return named >= 0 || !explained ? Math.max(named, 0) : largest(explained.logits, 1)[0];
  }, [place.emotion, explained]);
  const shown = { ...place, layer, head, token: Math.min(Math.max(place.token, 0), Math.max(0, n - 1)) };
  // Elements that are the same as before are not compared again: so a page of nine parts follows a key in time.
  const tokens = useMemo(() => explained && html`<${Tokens} explained=${explained} model=${model} place=${shown} go=${go} />`,
    [explained, shown.token]);
  const missing = attention.fresh && attention.value === null;
  const encoder = useMemo(() => explained && html`<${Encoder} model=${model} drawn=${drawn} missing=${missing} place=${shown} go=${go} />`,
    [drawn, missing, layer, head, shown.token]);
  const outputs = useMemo(() => explained && html`<${Head} model=${model} explained=${explained} chosen=${chosen} go=${go} />`,
    [explained, chosen]);
  const ranking = useMemo(() => explained && html`<${Output} model=${model} explained=${explained} place=${shown} go=${go} />`,
    [explained, place.top]);
  const made = useMemo(() => html`
    <${Part} number=${6} title="How it was trained"><${Training} model=${model} /><//>
    <${Part} number=${7} title="What it was trained on"><${Dataset} model=${model} /><//>`, [model]);
  const steps = useMemo(() => explained && html`<${Steps} model=${model} explained=${explained} text=${answer.on[0]} />`, [explained]);
  const several = useMemo(() => html`<${MultiLabel} model=${model} explained=${explained} go=${go} />`, [saved && explained]);
  const [saving, setSaving] = useState(/** @type {Error | null} */ (null));
  const [busy, setBusy] = useState(false);
  const save = () => {
    setBusy(true);
    setSaving(null);
    askSaved({ ...shown, emotion: model.emotions[chosen].name })
      .then((blob) => download(blob, "how-the-model-works.html"), setSaving)
      .finally(() => setBusy(false));
  };

  return html`
    <${Part} number=${1} title="The text">
      <label for="text" class="soft">${saved ? "A page that was kept: the text cannot be changed here." : "Write something; all below follows."}</label>
      <textarea id="text" rows="3" dir="auto" spellcheck=${false} readonly=${Boolean(saved)} value=${text}
        onInput=${(/** @type {any} */ event) => go({ text: event.target.value.toWellFormed() })}></textarea>
      <p class="soft row"><span>${count([...text].length)} characters</span>
        ${!saved && html`<button type="button" disabled=${busy} onClick=${save}>Keep this page as a file</button>`}</p>
      ${explained && html`<p class="answer" aria-live="polite">${answerOf(model, explained)}</p>`}
      ${saving && html`<${Failure} error=${saving} />`}
      ${answer.error && html`<${Failure} error=${answer.error} />`}
    <//>
    ${explained && html`
    <${Part} number=${2} title="Tokens">${tokens}<//>
    <${Part} number=${3} title=${`The encoder: ${model.layers} layers${model.heads ? ` of ${model.heads} heads` : ""}`}>
      <p>Each layer makes new numbers of each token, out of those of the tokens it looks at. A line is how much:
        the stronger, the more. Click a layer, a head, a token.</p>
      ${attention.error && html`<${Failure} error=${attention.error} />`}
      ${encoder}
    <//>
    <${Part} number=${4} title=${`The head: ${explained.vector ? `${count(explained.vector.length)} numbers become 27` : "27 outputs"}`}>
      ${outputs}
      <${Why} model=${model} explained=${explained} chosen=${chosen} effects=${effects.fresh ? effects.value : null}
        waiting=${Boolean(wanted)} ask=${() => setAsked(key)} />
      ${effects.error && html`<${Failure} error=${effects.error} />`}
    <//>
    <${Part} number=${5} title="The emotions of the text">${ranking}<//>
    ${made}
    <${Part} number=${8} title="The five steps as code">${steps}<//>
    <${Part} number=${9} title="Why multi-label?">${several}<//>`}`;
}

/** @param {import("moodmill/api.js").Model} model */
const shapeOf = ({ family, layers, hidden, heads, parameters }) =>
  [family, `${layers} layers`, hidden && `${count(hidden)} hidden`, heads && `${heads} heads`, `${count(parameters)} parameters`]
    .filter(Boolean).join(", ");

function Page() {
  const answer = useAnswer(askModel, []);
  const model = answer.value;
  return html`<${Shell} page="/model">
    <h1>How the model works</h1>
    ${model ? html`<p class="lead"><code>${model.name}</code>: ${shapeOf(model)}.</p><${Explorer} model=${model} />`
      : answer.error ? html`<${Failure} error=${answer.error} />`
      : html`<p class="waiting" role="status">The model is loading: a few seconds …</p>`}
  <//>`;
}

mount(html`<${Page} />`);
