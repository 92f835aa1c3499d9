// What pages of results begin with: what the store holds, and the view of it.
import { useAnswer } from "moodmill/answers.js";
import { address } from "moodmill/api.js";
import { html } from "moodmill/dom.js";
import { looksOf } from "moodmill/results/emotions.js";
import { askFacts } from "moodmill/results/findings.js";
import { useView } from "moodmill/results/view.js";
import { Failure, Shell } from "moodmill/shell.js";

/**
 * A page of results: `draw` gets the facts, the view, what changes it, and the looks of the emotions.
 * @param {{page: string, title: any, first: any, draw: (facts: any, view: any, go: any, looks: any) => any}} props
 */
export function ResultsPage({ page, title, first, draw }) {
  const [view, go] = useView(first);
  const { value: facts, error } = useAnswer(askFacts, []);
  return html`<${Shell} page=${page}>
    <h1>${title}</h1>
    ${error ? html`<${Failure} error=${error} /><p><a href=${address("/model")}>How the model works</a> needs no store.</p>`
      : facts ? draw(facts, view, go, looksOf(facts.emotions))
      : html`<p class="waiting" role="status">Reading the store …</p>`}
  <//>`;
}
