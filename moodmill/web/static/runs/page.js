// The runs: what goes on, what is done, what could not be labelled, and the jobs.
import { useEffect, useState } from "preact/hooks";
import { askRuns } from "moodmill/api.js";
import { html, mount } from "moodmill/dom.js";
import { count, percent } from "moodmill/format.js";
import { Failure, Shell } from "moodmill/shell.js";

/** How often the page looks again, in ms: as `moodmill run watch` does. */
const REFRESH = 2000;
const COUNTS = ["read", "classified", "skipped", "dead", "waiting"];

/** @param {number | null} seconds */
const clock = (seconds) => (seconds == null ? "" : new Date(1000 * Math.min(seconds, 359_999)).toISOString().slice(11, 19));
/** @param {number} n @param {string} of */
const some = (n, of) => `${count(n)} ${of}${n === 1 ? "" : "s"}`;
/** @param {string | null} moment */
const minute = (moment) => (moment ? moment.slice(0, 16).replace("T", " ") : "");

/** @param {{label: string, head: any, children?: any}} props */
const Wide = ({ label, head, children }) => html`<div class="wide" tabindex="0" role="region" aria-label=${label}><table class="lines"><thead><tr>${head}</tr></thead><tbody>${children}</tbody></table></div>`;
/** @param {string} title */
const heading = (title) => html`<th scope="col">${title}</th>`;
/** @param {string} title */
const number = (title) => html`<th scope="col" class="number">${title}</th>`;

/** @param {{seen: any}} props */
function Seen({ seen }) {
  const { left, under_way: going, runs, dead, jobs } = seen;
  return html`
    <section><h2>Under way</h2>
      <p>${some(left.pending_chunks, "chunk")} pending, ${count(left.failed_chunks)} failed; ${some(left.dead_letters, "dead letter")}.${left.stale_periods > 0 ? ` ${count(left.stale_periods)} days and months of the roll-ups are behind: moodmill db rollup brings them up to date.` : ""}</p>
      ${going.length ? html`<${Wide} label="Runs under way" head=${[heading("run"), heading("sources"), heading("done"), ...["comments", "a second", "left", "pending", "failed"].map(number)]}>
        ${going.map((/** @type {any} */ run) => html`<tr><th scope="row">${run.id}</th><td class="names">${run.sources.join(", ")}</td>
          <td><progress max="1" value=${run.share} aria-label=${`${run.id}: done`}></progress> ${percent(run.share)}</td>
          <td class="number">${count(run.classified)}</td><td class="number">${count(Math.round(run.speed))}</td><td class="number">${clock(run.seconds_left)}</td>
          <td class="number">${count(run.pending_chunks)}</td><td class="number">${count(run.failed_chunks)}</td></tr>`)}<//>` : html`<p class="soft">No run is under way.</p>`}
    </section>
    <section><h2>The last runs</h2>
      ${runs.length ? html`<${Wide} label="The last runs" head=${[heading("run"), heading("state"), heading("began (UTC)"), heading("sources"), ...COUNTS.map(number)]}>
        ${runs.map((/** @type {any} */ run) => html`<tr><th scope="row">${run.run}</th><td>${run.state}</td><td>${minute(run.began)}</td><td class="names">${run.sources.join(", ")}</td>
          ${COUNTS.map((name) => html`<td class="number" title=${name === "skipped" ? Object.entries(run.reasons).map(([reason, n]) => `${reason}: ${n}`).join(", ") : null}>${count(run[name])}</td>`)}</tr>
          ${[run.failure, ...Object.values(run.errors)].filter(Boolean).map((error) => html`<tr><td></td><td colspan="8" class="failure">${error}</td></tr>`)}`)}<//>
        ${seen.count > runs.length && html`<p class="soft">${count(seen.count - runs.length)} older ones: <code>moodmill run list</code>.</p>`}`
        : html`<p class="soft">No runs yet: <code>moodmill label FILE</code> makes one.</p>`}
    </section>
    <section><h2>Dead letters</h2>
      ${dead.length ? html`<${Wide} label="Dead letters" head=${["id", "run", "source", "record", "stage", "error"].map(heading)}>
        ${dead.map((/** @type {any} */ letter) => html`<tr><th scope="row">${letter.id}</th><td>${letter.run}</td><td class="names">${letter.source}</td><td class="number">${count(letter.position + 1)}</td><td>${letter.stage}</td><td class="names">${letter.error}</td></tr>`)}<//>
        <p class="soft"><code>moodmill dead show ID</code> shows a record whole, <code>moodmill dead replay ID</code> tries it again.</p>` : html`<p class="soft">None: every record was labelled or passed over for a reason.</p>`}
    </section>
    ${jobs.length > 0 && html`<section><h2>Jobs</h2><${Wide} label="Jobs" head=${["job", "state", "began (UTC)", "ended (UTC)", "outcome"].map(heading)}>
      ${jobs.map((/** @type {any} */ job) => html`<tr><th scope="row">${job.job}</th><td>${job.state}</td><td>${minute(job.started_at)}</td><td>${minute(job.ended_at)}</td><td class="names">${job.outcome}</td></tr>`)}<//></section>`}`;
}

function Runs() {
  const [seen, setSeen] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  useEffect(() => {
    let ended = false;
    /** @type {number | undefined} */
    let timer;
    const look = () => askRuns()
      .then((found) => { setSeen(found); setError(null); }, setError)
      .finally(() => { if (!ended) timer = window.setTimeout(look, document.hidden ? 10 * REFRESH : REFRESH); });
    look();
    return () => { ended = true; clearTimeout(timer); };
  }, []);
  return html`<${Shell} page="/runs"><h1>Runs</h1>
    ${error && html`<${Failure} error=${error} />`}
    ${seen ? html`<${Seen} seen=${seen} />` : !error && html`<p class="waiting" role="status">Reading the store …</p>`}<//>`;
}

mount(html`<${Runs} />`);
