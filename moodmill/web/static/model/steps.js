// Part 8: the five steps of inference as code, with this text's shapes and values.
import { html } from "moodmill/dom.js";
import { largest, sigmoid } from "moodmill/format.js";

/** Numbers of a row that are written out. */
const SHOWN = 12;

/** @param {number[]} numbers @param {(number: number) => string} write */
const row = (numbers, write) => `[${numbers.slice(0, SHOWN).map(write).join(", ")}${numbers.length > SHOWN ? ", …" : ""}]`;

/** A text as Python has it. @param {string} text */
const quoted = (text) => JSON.stringify(text).replace(/[\u007f-\u00a0\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Where the model's files come from. @param {import("moodmill/api.js").Model["source"]} source */
function loading({ kind, name, revision }) {
  if (kind === "hub") {
    const at = revision ? `, revision=${quoted(revision)}` : "";
    return `from huggingface_hub import snapshot_download\n\nfolder = snapshot_download(${quoted(name)}${at})`;
  }
  const hub = "# a model of the Hub: snapshot_download(HF_MODEL_REPO)";
  return kind === "bundled"
    ? `from moodmill.worker.inference.repository import BUNDLED\n\nfolder = BUNDLED  ${hub}`
    : `folder = ${quoted(name)}  ${hub}`;
}

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, text: string}} props */
export function Steps({ model, explained, text }) {
  const ids = explained.tokens.map((token) => token.id);
  const probabilities = explained.logits.map(sigmoid);
  const [top] = largest(probabilities, 1);
  const part = explained.segments.length > 1 || explained.truncated;
  const encode = part
    ? `# the tokens of segment ${explained.segment + 1}, as above\ninput_ids = torch.tensor([[${ids.join(", ")}]])\ninputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}`
    : `inputs = tokenizer(${quoted(text)}, return_tensors="pt")`;
  const { columns, outputs } = model;
  const all = columns.length === outputs && columns.every((column, at) => column === at);
  const choose = all ? "" : `  # of ${outputs} outputs\nlogits = logits[:, [${columns.join(", ")}]]  # the 27 emotions, in their order`;
  const steps = [
    ["Load the model and its tokenizer", `${loading(model.source)}\n\nimport torch\nfrom transformers import AutoModelForSequenceClassification, AutoTokenizer\n\ntokenizer = AutoTokenizer.from_pretrained(folder)\nmodel = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()`,
      `${model.layers} layers, ${model.hidden ?? "?"} hidden, ${model.heads} heads`],
    ["Tokenize", encode, `input_ids [1, ${ids.length}]\n${row(ids, String)}`],
    ["Run the model forward, without gradients", `with torch.no_grad():\n    logits = model(**inputs).logits${choose}`,
      `logits [1, ${model.emotions.length}]\n${row(explained.logits, (one) => one.toFixed(3))}`],
    ["Apply a sigmoid to each emotion", `probabilities = torch.sigmoid(logits)[0]`,
      `probabilities [${model.emotions.length}], which add up to ${probabilities.reduce((sum, one) => sum + one, 0).toFixed(3)}\n${row(probabilities, (one) => one.toFixed(3))}`],
    ["Take the most probable", `from moodmill import EMOTIONS\n\ntop = int(probabilities.argmax())\nprint(EMOTIONS[top], float(probabilities[top]))`,
      `${model.emotions[top].name} ${probabilities[top].toFixed(3)}`],
  ];
  return html`<ol class="steps">${steps.map(([title, code, value]) => html`<li><h3>${title}</h3>
    <pre class="code" tabindex="0"><code>${code}</code></pre><pre class="value" tabindex="0">${value}</pre></li>`)}</ol>
    ${explained.segments.length > 1 && html`<p class="soft">A worker does so for each segment, and pools them (${model.pooling}).</p>`}`;
}
