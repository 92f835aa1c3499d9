// Part 2: the tokens of the text, and the segments that it is read in.
import { saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { count, tokenName } from "moodmill/format.js";

const UNSUPPORTED = {
  language: "This text is mostly in another language than the model's: its probabilities are noise.",
  tokens: "Most of this text is unknown to the model's vocabulary: its probabilities are noise.",
};

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

/** @param {{explained: import("moodmill/api.js").Explained, model: import("moodmill/api.js").Model, place: any, go: any}} props */
export function Tokens({ explained, model, place, go }) {
  const { tokens, segments } = explained;
  const unknown = tokens.filter((token) => token.unknown).length;
  return html`
    ${explained.unsupported && html`<p class="warning" role="status">${/** @type {any} */ (UNSUPPORTED)[explained.unsupported]}</p>`}
    ${explained.truncated && html`<p class="warning" role="status">The text is too long: the model reads its beginning, at most
      ${" "}${count(model.max_tokens)} tokens.</p>`}
    ${segments.length > 1 && html`
      <p>The text is read in ${segments.length} segments of whole sentences, up to ${model.segment_tokens} tokens each. ${saved ? "This file holds one of them." : "You see one of them:"}</p>
      <div class="segments" role="group" aria-label="Segments" onKeyDown=${byArrows}>${segments.map((segment, at) => html`
        <button type="button" class="pick" aria-pressed=${at === explained.segment}
          disabled=${saved && at !== explained.segment} tabindex=${at === explained.segment ? 0 : -1} onClick=${() => go({ segment: at, token: 0 })}>
          <b>${at + 1}</b> ${segment.text}</button>`)}</div>`}
    <ol class="chips" aria-label="Tokens" onKeyDown=${byArrows}>${tokens.map((token, at) => html`
      <li><button type="button" class=${`chip ${kind(token)}`} aria-pressed=${at === place.token}
        tabindex=${at === Math.min(place.token, tokens.length - 1) ? 0 : -1} onClick=${() => go({ token: at })}
        title=${`${token.piece}, number ${token.id} of the vocabulary${token.special ? ", special" : ""}${token.unknown ? ", unknown" : ""}`}>
        <span dir="auto">${tokenName(token)}</span><small>${token.id}</small></button></li>`)}</ol>
    <p class="soft">${tokens.length} tokens, special ones included${unknown ? `; ${unknown} unknown to the vocabulary` : ""}.
      The attention mask is 1 for each of them: ${tokens.length <= 16 ? html`<code>[${tokens.map(() => 1).join(", ")}]</code>.` : "the model reads them all."}</p>`;
}
