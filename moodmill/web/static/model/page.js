// How the model works: the nine parts, from a text to its emotions.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useAnswer } from "moodmill/answers.js";
import { askAttention, askEffects, askExplained, askModel, askSaved, saved } from "moodmill/api.js";
import { html, mount } from "moodmill/dom.js";
import { count, download, largest, percent } from "moodmill/format.js";
import { Encoder } from "moodmill/model/attention.js";
import { Dataset, Training } from "moodmill/model/facts.js";
import { Head } from "moodmill/model/head.js";
import { MultiLabel } from "moodmill/model/multilabel.js";
import { Output } from "moodmill/model/output.js";
import { Steps } from "moodmill/model/steps.js";
import { Tokens, Warnings } from "moodmill/model/tokens.js";
import { Why } from "moodmill/model/why.js";
import { usePlace } from "moodmill/place.js";
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
 * Ask for all that depends on the place: what the model says, one layer's attention, and what each token adds.
 * @param {import("moodmill/api.js").Model} model
 * @param {import("moodmill/place.js").Place} place
 * @param {boolean} unasked Whether effects are wanted of long segments, too.
 */
function useExplanation(model, { text, segment, layer }, unasked) {
  const answer = useAnswer((signal) => askExplained(text, segment, signal), [text, segment], text.length > SHORT ? PAUSE : 0);
  const explained = answer.fresh ? answer.value : null;
  const attention = useAnswer(explained && model.heads ? async (signal) => {
    const weights = await askAttention(text, segment, layer, model.heads, signal);
    return weights && { tokens: explained.tokens, layer, attention: weights };
  } : null, [explained, layer]);
  const wanted = Boolean(explained && (explained.tokens.length <= model.unasked || unasked || saved));
  const effects = useAnswer(wanted ? (signal) => askEffects(text, segment, signal) : null, [explained, wanted], saved ? 0 : CALM);
  return { answer, attention, effects, wanted };
}

/**
 * @param {import("moodmill/api.js").Model} model
 * @param {import("moodmill/api.js").Explained} explained
 */
function answerOf(model, { served, tokens }) {
  if (tokens.every((token) => token.special)) return "There is nothing to read yet: write a text.";
  const found = largest(served, model.emotions.length).filter((at) => served[at] > model.emotions[at].threshold);
  if (!found.length) return "None of the 27 emotions is above its threshold.";
  return html`Found: <b>${found.map((at) => `${model.emotions[at].name} ${percent(served[at])}`).join(", ")}</b>`;
}

/** @param {{place: import("moodmill/place.js").Place}} props */
function Save({ place }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const save = () => {
    setBusy(true);
    setError(null);
    askSaved(place)
      .then((blob) => download(blob, "how-the-model-works.html"), setError)
      .finally(() => setBusy(false));
  };
  return html`<button type="button" disabled=${busy} onClick=${save}>Save this page as a file</button>
    ${error && html`<${Failure} error=${error} />`}`;
}

/** @param {{explained: import("moodmill/api.js").Explained}} props */
function WhichSegment({ explained: { segment, segments } }) {
  return segments.length > 1 && html`<p class="note">Of segment ${segment + 1} of ${segments.length}:${" "}
    <q dir="auto">${segments[segment].text}</q>. The emotions of the whole text are in part 5.</p>`;
}

/** @param {{model: import("moodmill/api.js").Model}} props */
function Explorer({ model }) {
  const [given, go] = usePlace(FIRST);
  const [asked, setAsked] = useState("");
  const layer = Math.min(given.layer, model.layers - 1);
  const head = Math.min(given.head, Math.max(0, model.heads - 1));
  const key = `${given.segment}/${given.text}`;
  const { answer, attention, effects, wanted } = useExplanation(model, { ...given, layer }, asked === key);
  const explained = answer.value;
  useEffect(() => {
    // An address may name a segment that its text does not have.
    if (answer.error && given.segment) go({ segment: 0 });
  }, [answer.error]);
  const token = Math.min(given.token, Math.max(0, (explained?.tokens.length ?? 1) - 1));
  const chosen = useMemo(() => {
    const named = model.emotions.findIndex((emotion) => emotion.name === given.emotion);
    return named >= 0 || !explained ? Math.max(named, 0) : largest(explained.logits, 1)[0];
  }, [given.emotion, explained]);
  const place = { ...given, layer, head, token, emotion: model.emotions[chosen].name };
  const look = () => {
    const field = document.getElementById("text");
    field?.scrollIntoView({ block: "center" });
    field?.focus();
  };

  // Elements that are the same as before are not compared again: so a page of nine parts follows a key in time.
  const tokens = useMemo(() => explained && html`<${Tokens} explained=${explained} model=${model} place=${place} go=${go} />`,
    [explained, token]);
  const drawn = attention.error ? null : attention.value;
  const missing = attention.fresh && attention.value === null;
  const encoder = useMemo(() => html`<${Encoder} model=${model} drawn=${drawn} missing=${missing} place=${place} go=${go} />`,
    [drawn, missing, layer, head, token]);
  const outputs = useMemo(() => explained && html`<${Head} model=${model} explained=${explained} chosen=${chosen} go=${go} />`,
    [explained, chosen]);
  const ranking = useMemo(() => explained && html`<${Output} model=${model} explained=${explained} place=${place} go=${go} />`,
    [explained, given.top, chosen]);
  const made = useMemo(() => html`
    <${Part} number=${6} title="How it was trained"><${Training} model=${model} /><//>
    <${Part} number=${7} title="What it was trained on"><${Dataset} model=${model} /><//>`, [model]);
  const steps = useMemo(() => explained && html`<${Steps} model=${model} explained=${explained} text=${answer.inputs[0]} />`, [explained]);
  const several = useMemo(() => html`<${MultiLabel} model=${model} explained=${explained} go=${go} look=${look} />`, [saved && explained]);

  return html`
    <${Part} number=${1} title="The text">
      <label for="text" class="soft">${saved ? "A saved page: the text cannot be edited." : "Write something; everything below follows."}</label>
      <textarea id="text" rows="3" dir="auto" spellcheck=${false} readonly=${Boolean(saved)} value=${given.text}
        onInput=${(/** @type {any} */ event) => go({ text: event.target.value.toWellFormed() })}></textarea>
      <p class="soft row"><span>${count([...given.text].length)} characters</span>${!saved && html`<${Save} place=${place} />`}</p>
      ${explained && html`<p class="answer" aria-live="polite">${answerOf(model, explained)}</p>
        <${Warnings} explained=${explained} model=${model} />`}
      ${answer.error && html`<${Failure} error=${answer.error} />`}
    <//>
    ${explained && html`
    <${Part} number=${2} title="Tokens">${tokens}<//>
    <${Part} number=${3} title=${`The encoder: ${model.layers} layers${model.heads ? ` of ${model.heads} heads` : ""}`}>
      <${WhichSegment} explained=${explained} />
      <p>Each layer updates the vector of every token by mixing in the vectors of the tokens it attends to, a head at a time. The
        darker a line, the larger the attention weight.</p>
      ${attention.error && html`<${Failure} error=${attention.error} />`}
      ${encoder}
    <//>
    <${Part} number=${4} title=${`The head: ${explained.vector ? `${count(explained.vector.length)} numbers become 27` : "27 outputs"}`}>
      <${WhichSegment} explained=${explained} />
      ${outputs}
      <${Why} model=${model} explained=${explained} chosen=${chosen} effects=${effects.fresh ? effects.value : null}
        waiting=${wanted || !answer.fresh} ask=${() => setAsked(key)} />
      ${effects.error && html`<${Failure} error=${effects.error} />`}
    <//>
    <${Part} number=${5} title="The emotions of the text">${ranking}<//>
    ${made}
    <${Part} number=${8} title="The five steps as code"><${WhichSegment} explained=${explained} />${steps}<//>
    <${Part} number=${9} title="Why multi-label?">${several}<//>`}`;
}

/** @param {import("moodmill/api.js").Model} model */
const shapeOf = ({ family, layers, hidden, heads, parameters }) =>
  [family, `${layers} layers`, hidden && `${count(hidden)} hidden`, heads && `${heads} heads`, `${count(parameters)} parameters`]
    .filter(Boolean).join(", ");

function Page() {
  const { value: model, error } = useAnswer(askModel, []);
  return html`<${Shell} page="/model">
    <h1>How the model works</h1>
    ${model ? html`<p class="lead"><code>${model.name}</code>: ${shapeOf(model)}.</p><${Explorer} model=${model} />`
      : error ? html`<${Failure} error=${error} />`
      : html`<p class="waiting" role="status">The model is loading: a few seconds …</p>`}
  <//>`;
}

mount(html`<${Page} />`);
