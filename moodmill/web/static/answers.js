// Asking for what depends on what a reader does.
import { useLayoutEffect, useState } from "preact/hooks";

/**
 * Ask for something whenever what it depends on changes; what was asked before is given up, and stays until there is more.
 * @template Answer
 * @param {((signal: AbortSignal) => Promise<Answer>) | null} ask
 * @param {any[]} inputs
 * @param {number} [pause] In ms.
 * @returns {{value: Answer | null, error: Error | null, fresh: boolean, inputs: any[]}}
 */
export function useAnswer(ask, inputs, pause = 0) {
  const [state, setState] = useState(/** @type {any} */ ({ value: null, error: null, inputs: [] }));
  // Before the browser draws: what is asked for is on its way while it does.
  useLayoutEffect(() => {
    if (!ask) return;
    const stop = new AbortController();
    const begin = () => ask(stop.signal).then(
      (value) => !stop.signal.aborted && setState({ value, error: null, inputs }),
      (error) => !stop.signal.aborted && setState((/** @type {any} */ before) => ({ ...before, error, inputs })),
    );
    const timer = pause ? setTimeout(begin, pause) : void begin();
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, inputs);
  const same = (/** @type {any} */ input, /** @type {number} */ at) => input === inputs[at];
  const fresh = !state.error && state.inputs.length === inputs.length && state.inputs.every(same);
  return { ...state, fresh };
}
