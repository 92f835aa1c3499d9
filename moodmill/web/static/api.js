// What pages ask of the server; in a page that was saved, of what it holds.

/**
 * @typedef {{name: string, group: string, threshold: number, bias: number | null, weights: number[] | null}} Emotion
 * @typedef {{name: string, source: {kind: string, name: string, revision: string | null}, family: string, layers: number,
 *   heads: number, hidden: number | null, outputs: number, columns: number[], parameters: number, segment_tokens: number,
 *   max_tokens: number, unasked: number, pooling: string, runs_on: string, emotions: Emotion[], facts: any}} Model
 * @typedef {{id: number, piece: string, text: string, special: boolean, unknown: boolean}} Token
 * @typedef {{probabilities: number[], served: number[], truncated: boolean, unsupported: string | null,
 *   segment: number, segments: {tokens: number, text: string, probabilities: number[]}[], tokens: Token[],
 *   logits: number[], vector: number[] | null}} Explained
 * @typedef {(number[] | null)[]} Effects
 * @typedef {{heads: number, tokens: number, weights: Uint16Array}} Attention
 * @typedef {{tokens: Token[], layer: number, attention: Attention}} Drawn
 */

/** What 1 is in the weights of an attention. */
export const UNIT = 65535;

const prefix = document.documentElement.dataset.prefix ?? "";
const held = document.getElementById("saved")?.textContent;
/** @type {any} */
export const saved = held ? JSON.parse(held) : null;

/**
 * @param {string} path
 * @param {object} [asked]
 * @param {AbortSignal} [signal]
 */
export async function answer(path, asked, signal) {
  const sent = asked && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) };
  let response;
  try {
    response = await fetch(`${prefix}/api/${path}`, { ...sent, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("The server does not answer. Is `moodmill explore` still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => null);
  throw new Error(said?.error ?? `The server answers ${response.status}.`);
}

/** @returns {Promise<Model>} */
export async function askModel() {
  return saved ? saved.model : (await answer("model")).json();
}

/** @returns {Promise<any>} */
export async function askRuns() {
  return (await answer("runs")).json();
}

/**
 * @param {string} text
 * @param {number} segment
 * @param {AbortSignal} [signal]
 * @returns {Promise<Explained>}
 */
export async function askExplained(text, segment, signal) {
  return saved ? saved.explain : (await answer("explain", { text, segment }, signal)).json();
}

/**
 * @param {string} text
 * @param {number} segment
 * @param {AbortSignal} signal
 * @returns {Promise<Effects | null>}
 */
export async function askEffects(text, segment, signal) {
  return saved ? saved.effects : (await (await answer("effects", { text, segment }, signal)).json()).effects;
}

/**
 * @param {string} text
 * @param {number} segment
 * @param {number} layer
 * @param {number} heads
 * @param {AbortSignal} signal
 * @returns {Promise<Attention | null>}
 */
export async function askAttention(text, segment, layer, heads, signal) {
  let bytes;
  if (saved) {
    const kept = saved.attention[layer];
    if (!kept) return null;
    bytes = Uint8Array.from(atob(kept), (character) => character.charCodeAt(0)).buffer;
  } else {
    bytes = await (await answer("attention", { text, segment, layer }, signal)).arrayBuffer();
  }
  const weights = new Uint16Array(bytes);
  return { heads, tokens: Math.round(Math.sqrt(weights.length / heads)), weights };
}

/**
 * Return the page, at a place, as a file.
 * @param {import("moodmill/place.js").Place} place
 */
export async function askSaved(place) {
  return (await answer("save", place)).blob();
}

/** @param {string} path */
export const address = (path) => `${prefix}${path}`;
