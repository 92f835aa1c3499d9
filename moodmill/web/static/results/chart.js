// What each chart has: its numbers as a table, as CSV and as SVG, and the SQL that they come from.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAnswer } from "moodmill/answers.js";
import { address, saved } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { count, download } from "moodmill/format.js";
import { askFinding, csvAddress, csvOf } from "moodmill/results/findings.js";
import { Failure, Guarded } from "moodmill/shell.js";

/** @typedef {import("moodmill/results/findings.js").Finding} Finding */

/** Of a shape: what its looks are made of, and goes into a file. */
const LOOKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "font-family",
  "font-size", "font-weight", "text-anchor", "dominant-baseline"];
/** Rows of a table that are shown at once. */
const SHOWN = 200;
/** Pixels of a picture that is saved and not seen. */
const WIDTH = 900;

/** @returns {[import("preact").RefObject<any>, number]} A place and its width, in pixels. */
function useWidth() {
  const place = useRef(/** @type {any} */ (null));
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!place.current) return;
    setWidth(Math.floor(place.current.getBoundingClientRect().width));
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return [place, width];
}

/**
 * Return a picture as a file of its own, in the colors that are seen.
 * @param {SVGElement} drawn
 */
function standalone(drawn) {
  const copy = /** @type {SVGElement} */ (drawn.cloneNode(true));
  const from = [drawn, ...drawn.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, at) => {
    const looks = getComputedStyle(from[at]);
    for (const name of ["class", "style", "href"]) element.removeAttribute(name);
    for (const name of LOOKS) element.setAttribute(name, looks.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const filled = getComputedStyle(document.body).backgroundColor;
  for (const [name, value] of Object.entries({ width: "100%", height: "100%", fill: filled })) paper.setAttribute(name, value);
  copy.prepend(paper);
  return new XMLSerializer().serializeToString(copy);
}

/**
 * Save a picture.
 * @param {(width: number) => any} picture
 * @param {string} name
 */
function saveSvg(picture, name) {
  const place = document.createElement("div");
  place.className = "unseen";
  document.body.append(place);
  render(picture(WIDTH), place);
  const drawn = place.querySelector("svg");
  if (drawn) download(new Blob([standalone(drawn)], { type: "image/svg+xml" }), `${name}.svg`);
  render(null, place);
  place.remove();
}

/** @param {any} value */
const written = (value) =>
  value == null ? "" : typeof value === "number" ? (Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)))) : value;

/** @param {{finding: Finding, label: string}} props */
function Table({ finding, label }) {
  const [all, setAll] = useState(false);
  const rows = all ? finding.rows : finding.rows.slice(0, SHOWN);
  const isNumber = finding.columns.map((_, at) => finding.rows.some((row) => typeof row[at] === "number"));
  return html`<div class="wide" tabindex="0" role="region" aria-label=${`${label}: the numbers`}><table>
    <thead><tr>${finding.columns.map((name, at) => html`<th scope="col" class=${isNumber[at] ? "number" : ""}>${name.replaceAll("_", " ")}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((value, at) => html`<td class=${isNumber[at] ? "number" : ""}>${written(value)}</td>`)}</tr>`)}</tbody>
  </table></div>
  ${rows.length < finding.rows.length && html`<button type="button" onClick=${() => setAll(true)}>Show all ${count(finding.rows.length)} rows</button>`}`;
}

/** The SQL that numbers come from. @param {{queries: string[]}} props */
export const Queries = ({ queries }) => queries.map((query) => html`<pre class="code query" tabindex="0"><code>${query}</code></pre>`);

/**
 * A chart, and the ways to its numbers. `picture`: what draws it in a width, in pixels, where it can be saved as SVG.
 * @param {{title: string, name: string, finding: Finding, question?: string, asked?: any, picture?: (width: number) => any, children?: any}} props
 */
export function Chart({ title, name, finding, question, asked, picture, children }) {
  const [open, setOpen] = useState("");
  const [place, width] = useWidth();
  /** @param {string} what */
  const toggle = (what) => () => setOpen(open === what ? "" : what);
  const save = () => download(new Blob([csvOf(finding)], { type: "text/csv" }), `${name}.csv`);
  return html`<figure class="chart" aria-label=${title}>
    <div ref=${place}>${children ?? (picture && width > 0 && picture(width))}</div>
    ${finding.remarks.map((remark) => html`<p class="soft remark">${remark}</p>`)}
    <p class="keep">
      <button type="button" aria-expanded=${open === "table"} aria-label=${`Table of ${title}`} onClick=${toggle("table")}>Table</button>
      ${question && !saved
        ? html`<a class="small-button" href=${address(`/api/${csvAddress(question, asked)}`)} download=${`${name}.csv`} aria-label=${`CSV of ${title}`}>CSV</a>`
        : html`<button type="button" aria-label=${`CSV of ${title}`} onClick=${save}>CSV</button>`}
      ${picture && html`<button type="button" aria-label=${`SVG of ${title}`} onClick=${() => saveSvg(picture, name)}>SVG</button>`}
      ${finding.queries.length > 0 && html`<button type="button" aria-expanded=${open === "query"} aria-label=${`Query of ${title}`} onClick=${toggle("query")}>Query</button>`}
    </p>
    ${open === "table" && html`<${Table} finding=${finding} label=${title} />`}
    ${open === "query" && html`<${Queries} queries=${finding.queries} />`}
  </figure>`;
}

/**
 * A section whose chart is asked for: shown once it is there, and until there is another.
 * @param {{title: any, lead?: any, question: string, asked: Record<string, any>, id?: string, tools?: any,
 *   draw: (finding: Finding) => any}} props
 */
export function Asked({ title, lead, question, asked, id, tools, draw }) {
  const inputs = [question, ...Object.entries(asked).flat()];
  const { value, error, fresh } = useAnswer((signal) => askFinding(question, asked, signal), [inputs.join("\n")]);
  return html`<section id=${id} aria-busy=${!fresh && !error}>
    ${title && html`<h2>${title}</h2>`}
    ${lead && html`<p class="soft">${lead}</p>`}
    ${tools}
    ${error ? html`<${Failure} error=${error} />` : value ? html`<${Guarded}>${draw(value)}<//>` : html`<p class="soft" role="status">Reading the store …</p>`}
  </section>`;
}

/** What is drawn once somebody opens it. @param {{title: string, draw: () => any}} props */
export function Opened({ title, draw }) {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}><summary>${title}</summary>${open && draw()}</details>`;
}
