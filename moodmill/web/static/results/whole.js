// What all comments of a store, or of a report, come to.
import { html } from "moodmill/dom.js";
import { count } from "moodmill/format.js";
import { Opened, Queries } from "moodmill/results/chart.js";
import { share } from "moodmill/results/numbers.js";
import { TrendChart } from "moodmill/results/parts.js";
import { Picks } from "moodmill/results/tools.js";

/** Lines that are seen at first. */
const SEEN = 3;

/** @param {{facts: import("moodmill/results/findings.js").Facts}} props */
export function Tiles({ facts }) {
  const { groups, none, counted } = facts;
  return counted > 0 && html`<div class="tiles">
    ${Object.entries(groups).map(([group, n]) => html`<div class=${`tile ${group}`}><b>${share(n / counted)}</b><span>of comments show ${group === "ambiguous" ? "an" : "a"} ${group} emotion</span></div>`)}
    <div class="tile"><b>${share(none / counted)}</b><span>show none of the 27</span></div></div>
    <${Opened} title="The queries of these numbers" draw=${() => html`<${Queries} queries=${facts.queries} />`} />`;
}

/** @param {{facts: import("moodmill/results/findings.js").Facts}} props */
export const About = ({ facts }) => html`<p class="lead">${count(facts.comments)} ${facts.comments === 1 ? "comment" : "comments"}${facts.subreddits > 0 && ` of ${count(facts.subreddits)} ${facts.subreddits === 1 ? "subreddit" : "subreddits"}`}${facts.first && (facts.first === facts.last ? `, of ${facts.first}` : `, ${facts.first} to ${facts.last}`)} (UTC)${facts.untimed > 0 ? `, ${count(facts.untimed)} of an unknown time` : ""}; labelled by <code>${facts.model}</code>.</p>`;

/** @param {any} props */
export function OverTime({ finding, view, go, looks, asked }) {
  const total = /** @type {Record<string, number>} */ ({});
  for (const row of finding.rows) total[row[0]] = (total[row[0]] ?? 0) + row[4];
  const ranked = Object.keys(looks).sort((one, other) => (total[other] ?? 0) - (total[one] ?? 0));
  const chosen = view.emotions ? view.emotions.split(",").filter((/** @type {string} */ name) => name in looks) : ranked.slice(0, SEEN);
  return html`<${Picks} names=${ranked} shown=${chosen} looks=${looks} onChange=${(/** @type {string[]} */ shown) => go({ emotions: shown.join(",") || ranked[0] })} />
    <${TrendChart} finding=${finding} view=${view} looks=${looks} asked=${asked} shown=${chosen} />`;
}
