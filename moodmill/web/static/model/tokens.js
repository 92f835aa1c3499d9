// Part 2: the tokens of the text, and the segments that it is read in.
import { saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { count, tokenName } from "moodmill/format.js";

const UNSUPPORTED = /** @type {Record<string, string>} */ ({
  language: "Most of this text is not in the model's language: do not rely on these probabilities.",
  tokens: "Most of this text is unknown to the model's vocabulary: do not rely on these probabilities.",
});

/**
 * Move the focus among buttons by the arrow keys.
 * @param {any} event
 */
export function byArrows(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[/** @type {string} */ (event.key)];
  if (!step) return;
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
    next.click();
  }
}

/** @param {import("moodmill/api.js").Token} token */
const kind = (token) => (token.special ? "special" : token.unknown ? "unknown" : "word");

/**
 * What is to be known before the answer is believed.
 * @param {{explained: import("moodmill/api.js").Explained, model: import("moodmill/api.js").Model}} props
 */
export const Warnings = ({ explained, model }) => html`
  ${explained.unsupported && html`<p class="warning" role="status">${UNSUPPORTED[explained.unsupported]}</p>`}
  ${explained.truncated && html`<p class="warning" role="status">${`The text is too long: the model reads its beginning, at most ${count(model.max_tokens)} tokens.`}</p>`}`;

/** @param {import("moodmill/api.js").Token} token */
const titleOf = ({ piece, id, special, unknown }) =>
  `${piece}, number ${id} of the vocabulary${special ? ", special" : ""}${unknown ? ", unknown" : ""}`;

/** @param {{explained: import("moodmill/api.js").Explained, model: import("moodmill/api.js").Model, place: any, go: any}} props */
export function Tokens({ explained, model, place, go }) {
  const { tokens, segments } = explained;
  return html`
    ${segments.length > 1 && html`
      <p>${`The text is read in ${segments.length} segments, of whole sentences where they fit, up to ${model.segment_tokens} tokens each. ${
        saved ? "This file holds one of them:" : "You see one of them:"}`}</p>
      <div class="segments" role="group" aria-label="Segments" onKeyDown=${byArrows}>${segments.map((segment, at) => html`
        <button type="button" class="pick" aria-pressed=${at === explained.segment} disabled=${saved && at !== explained.segment}
          tabindex=${at === explained.segment ? 0 : -1} onClick=${() => go({ segment: at, token: 0 })}>
          <b>${at + 1}</b> ${segment.text}</button>`)}</div>`}
    <ol class="chips" aria-label="Tokens" onKeyDown=${byArrows}>${tokens.map((token, at) => html`
      <li><button type="button" class=${`chip ${kind(token)}`} aria-pressed=${at === place.token} tabindex=${at === place.token ? 0 : -1}
        onClick=${() => go({ token: at })} title=${titleOf(token)}>
        <span dir="auto">${tokenName(token)}</span><small>${token.id}</small></button></li>`)}</ol>
    <p class="soft">${tokens.length} tokens, and a 1 for each in the attention mask: the model reads them all. The number is a token's place in
      the vocabulary; <b>##</b> goes on with a word; dashed: special; wavy: unknown to the vocabulary.</p>`;
}
