// What all pages have: a head with the way to each other, and the choice of a theme.
import { useErrorBoundary, useState } from "preact/hooks";
import { address, saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";

const THEMES = ["system", "light", "dark"];
const KEY = "moodmill-theme";

function kept() {
  try {
    return localStorage.getItem(KEY) ?? "system";
  } catch {
    return "system"; // a page from a file may have no storage
  }
}

/** @param {string} theme */
function show(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  window.dispatchEvent(new Event("theme"));
}

show(kept());

function Theme() {
  const [theme, setTheme] = useState(kept());
  /** @param {any} event */
  const choose = (event) => {
    setTheme(event.target.value);
    try {
      localStorage.setItem(KEY, event.target.value);
    } catch {
      // it holds for this page
    }
    show(event.target.value);
  };
  return html`<label class="theme">Theme
    <select value=${theme} onChange=${choose}>
      ${THEMES.map((name) => html`<option value=${name}>${name}</option>`)}
    </select>
  </label>`;
}

/** @param {{page: string, children?: any}} props */
export function Shell({ page, children }) {
  const pages = [["/", "Emotions"], ["/compare", "Compare"], ["/examples", "Comments"], ["/runs", "Runs"], ["/model", "How the model works"]];
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <header class="bar">
      <span class="brand">moodmill</span>
      ${!saved && html`<nav aria-label="Pages">${pages.map(
        ([path, name]) =>
          html`<a href=${address(path)} aria-current=${path === page ? "page" : null}>${name}</a>`,
      )}</nav>`}
      <${Theme} />
    </header>
    <main id="main" tabindex="-1">${children}</main>`;
}

/** What a page says where one of its parts cannot be drawn, and the others can. @param {{children?: any}} props */
export function Guarded({ children }) {
  const [error] = useErrorBoundary();
  return error ? html`<${Failure} error=${new Error(`This part cannot be shown: ${error.message}`)} />` : children;
}

/** @param {{error: Error}} props */
export const Failure = ({ error }) => html`<p class="failure" role="alert">${error.message}</p>`;
