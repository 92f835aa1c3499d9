// Part 8: the five steps of inference as code, with this text's shapes and values.
import { html } from "moodmill/dom.js";
import { largest, sigmoid } from "moodmill/format.js";

/** Numbers of a row that are written out. */
const SHOWN = 12;

/** @param {number[]} numbers @param {(number: number) => string} write */
const row = (numbers, write) => `[${numbers.slice(0, SHOWN).map(write).join(", ")}${numbers.length > SHOWN ? ", …" : ""}]`;

/** A text as Python has it. @param {string} text */
const quoted = (text) => JSON.stringify(text).replace(/[\u007f-\u00a0\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** @param {{model: import("moodmill/api.js").Model, explained: import("moodmill/api.js").Explained, text: string}} props */
export function Steps({ model, explained, text }) {
  const ids = explained.tokens.map((token) => token.id);
  const probabilities = explained.logits.map(sigmoid);
  const [top] = largest(probabilities, 1);
  const hub = model.source.includes("/") && !/^[./~]/.test(model.source);
  const load = hub
    ? `from huggingface_hub import snapshot_download\n\nfolder = snapshot_download(${quoted(model.source)})`
    : model.source === "bundled"
      ? `from moodmill.worker.inference.repository import BUNDLED\n\nfolder = BUNDLED  # of a model of the Hub: snapshot_download(HF_MODEL_REPO)`
      : `folder = ${quoted(model.source)}  # of a model of the Hub: snapshot_download(HF_MODEL_REPO)`;
  const shown = explained.segments.length > 1 ? `segment ${explained.segment + 1} of the text: its tokens as above` : null;
  const encode = shown
    ? `input_ids = torch.tensor([${JSON.stringify(ids).replaceAll(",", ", ")}])  # ${shown}\ninputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}`
    : `inputs = tokenizer(${quoted(text)}, return_tensors="pt")`;
  const steps = [
    ["Load the model and its tokenizer", `${load}\n\nimport torch\nfrom transformers import AutoModelForSequenceClassification, AutoTokenizer\n\ntokenizer = AutoTokenizer.from_pretrained(folder)\nmodel = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()`,
      `${model.layers} layers, ${model.hidden} hidden, ${model.heads} heads`],
    ["Tokenize", encode, `input_ids [1, ${ids.length}]\n${row(ids, String)}`],
    ["Run the model forward, without gradients", `with torch.no_grad():\n    logits = model(**inputs).logits`,
      `logits [1, ${model.emotions.length}]\n${row(explained.logits, (one) => one.toFixed(3))}`],
    ["Apply a sigmoid to each emotion", `probabilities = torch.sigmoid(logits)[0]`,
      `probabilities [${model.emotions.length}], which add up to ${probabilities.reduce((sum, one) => sum + one, 0).toFixed(3)}\n${row(probabilities, (one) => one.toFixed(3))}`],
    ["Take the most probable", `top = int(probabilities.argmax())\nprint(model.config.id2label[top], float(probabilities[top]))`,
      `${model.emotions[top].name} ${probabilities[top].toFixed(3)}`],
  ];
  return html`<ol class="steps">${steps.map(([title, code, value]) => html`<li><h3>${title}</h3>
    <pre class="code" tabindex="0"><code>${code}</code></pre><pre class="value" tabindex="0">${value}</pre></li>`)}</ol>
    ${explained.segments.length > 1 && html`<p class="soft">A worker does so for each segment, and pools them (${model.pooling}).</p>`}`;
}
