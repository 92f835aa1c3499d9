// Two subreddits, or two times, beside each other.
import { html, mount } from "moodmill/dom.js";
import { Asked } from "moodmill/results/chart.js";
import { rowsOf } from "moodmill/results/findings.js";
import { comments, isTime, signedPoints, signedInterval } from "moodmill/results/numbers.js";
import { ResultsPage } from "moodmill/results/page.js";
import { DifferencesPart } from "moodmill/results/parts.js";
import { PickSubreddit, Tools } from "moodmill/results/tools.js";
import { SHARED } from "moodmill/results/view.js";

const FIRST = { ...SHARED, a: "", b: "", subreddit: "" };

/** @param {any} props */
function Clearest({ finding, view, a, b }) {
  const rows = rowsOf(finding);
  const of = (/** @type {any} */ row, /** @type {string} */ end) => row[`${view.measure}_difference${end}`];
  const clearness = (/** @type {any} */ row) => {
    const value = of(row, "");
    return Math.abs(value) / (value > 0 ? value - of(row, "_low") : of(row, "_high") - value);
  };
  const sure = rows.filter((row) => clearness(row) > 1).sort((one, other) => clearness(other) - clearness(one));
  const [first] = sure;
  return html`<p>${a} has ${comments(rows[0].comments_a)}, ${b} ${comments(rows[0].comments_b)}. ${first
    ? html`<b>${first.emotion}</b> differs most clearly: ${signedPoints(of(first, ""))} points (${signedInterval(of(first, "_low"), of(first, "_high"))}) in ${a}.${sure.length === 1
      ? " No other does by more than chance explains." : ` ${sure.length} of 27 emotions differ by more than chance explains, each by itself.`}`
    : "No emotion differs by more than chance explains."}</p>`;
}

mount(html`<${ResultsPage} page="/compare" title="Compare" first=${FIRST} draw=${
  (/** @type {any} */ facts, /** @type {any} */ view, /** @type {any} */ go, /** @type {any} */ looks) => {
    const times = isTime(view.a) || isTime(view.b);
    const asked = { a: view.a, b: view.b, ...(times ? { subreddit: view.subreddit } : { since: view.since, until: view.until }) };
    const ready = view.a && view.b;
    return html`
    <p class="lead">Two subreddits, or two times: ${["2024", "2024-03", "2024-03-31"].map((time) => html`<code>${time}</code>, `)}or from one to before another, <code>2024-03..2024-06</code>.</p>
    <div class="row entries">
      <${PickSubreddit} label="A" id="a" value=${view.a} hint="a subreddit, or 2024-03" onPick=${(/** @type {string} */ a) => go({ a })} />
      <${PickSubreddit} label="B" id="b" value=${view.b} hint="another one" onPick=${(/** @type {string} */ b) => go({ b })} />
      ${times && html`<${PickSubreddit} label="of" id="within" value=${view.subreddit} hint="all subreddits" onPick=${(/** @type {string} */ subreddit) => go({ subreddit })} />`}
      ${ready && html`<button type="button" onClick=${() => go({ a: view.b, b: view.a })}>Swap A and B</button>`}
    </div>
    <${Tools} view=${view} go=${go} facts=${facts} without=${times ? ["time"] : []} />
    ${ready ? html`<${Asked} title=${html`<bdi>${view.a}</bdi> and <bdi>${view.b}</bdi>`} question="compare" asked=${asked}
      lead="Right of the middle is more in A, left of it more in B. A hollow dot may be chance: its interval holds 0."
      draw=${(/** @type {any} */ finding) => html`<${Clearest} finding=${finding} view=${view} a=${view.a} b=${view.b} />
        <${DifferencesPart} finding=${finding} view=${view} looks=${looks} asked=${asked} a=${view.a} b=${view.b} />`} />`
      : html`<p>Write what A and B are.</p>`}`;
  }} />`);
