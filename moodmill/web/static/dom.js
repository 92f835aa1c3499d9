// Elements of a page: templates whose values are text, never markup.
import { h, render } from "preact";
import htm from "htm";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);

/**
 * Show a page.
 * @param {any} page
 */
export function mount(page) {
  const place = /** @type {Element} */ (document.getElementById("app"));
  place.replaceChildren();
  render(page, place);
}
