// The first page: the last runs, and the way in.
import { useEffect, useState } from "preact/hooks";
import { address, askRuns } from "moodmill/api.js";
import { html, mount } from "moodmill/dom.js";
import { count } from "moodmill/format.js";
import { Shell } from "moodmill/shell.js";

const COUNTS = ["read", "classified", "skipped", "dead", "waiting"];

function Runs() {
  const [said, setSaid] = useState(/** @type {{runs: any[], error?: Error} | null} */ (null));
  useEffect(() => {
    askRuns().then(setSaid, (error) => setSaid({ runs: [], error }));
  }, []);
  if (!said) return html`<p class="soft" role="status">Reading the store …</p>`;
  if (said.error) return html`<p class="soft">${said.error.message}</p>`;
  if (!said.runs.length) return html`<p class="soft">No runs yet: <code>moodmill label FILE</code> makes one.</p>`;
  return html`<div class="wide" tabindex="0" role="region" aria-label="The last runs"><table>
    <thead><tr><th scope="col">run</th><th scope="col">state</th><th scope="col">sources</th>
      ${COUNTS.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${said.runs.map((run) => html`<tr>
      <th scope="row">${run.run}</th><td>${run.state}</td><td class="names">${run.sources.join(", ")}</td>
      ${COUNTS.map((name) => html`<td class="number">${count(run[name])}</td>`)}
    </tr>`)}</tbody></table></div>`;
}

function Home() {
  return html`<${Shell} page="/">
    <h1>moodmill</h1>
    <section>
      <h2>How the model works</h2>
      <p>Write a text, and see how the model comes to its 27 probabilities: tokens, attention, outputs, and why.</p>
      <p><a class="button" href=${address("/model")}>Look into the model</a></p>
    </section>
    <section><h2>The last runs</h2><${Runs} /></section>
  <//>`;
}

mount(html`<${Home} />`);
