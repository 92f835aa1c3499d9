// The colors of emotions: one hue for each, near those of its group; the same in every chart.

/** First and last hue of a group, in degrees. */
const HUES = /** @type {Record<string, [number, number]>} */ ({ positive: [125, 205], negative: [5, 75], ambiguous: [250, 320] });

/**
 * @param {import("moodmill/results/findings.js").Emotion[]} emotions
 * @returns {Record<string, {color: string, group: string, dash: string}>}
 */
export function looksOf(emotions) {
  /** @type {Record<string, {color: string, group: string, dash: string}>} */
  const looks = Object.create(null); // where `toString` is no emotion
  for (const [group, [first, last]] of Object.entries(HUES)) {
    const members = emotions.filter((emotion) => emotion.group === group);
    members.forEach(({ name }, at) => {
      const hue = first + ((last - first) * at) / Math.max(1, members.length - 1);
      looks[name] = { color: `oklch(var(--tone) 0.13 ${hue.toFixed(0)})`, group, dash: DASHES[at % DASHES.length] };
    });
  }
  return looks;
}

/**
 * The color of one of several lines of an emotion: each lighter or darker than the others.
 * @param {string} color @param {number} at
 */
export const variant = (color, at) => (at ? `color-mix(in oklab, ${color}, var(--ink) ${[0, 55, 30, 75, 15][at % 5]}%)` : color);

/** So that lines are told apart without colors. */
export const DASHES = ["", "7 3", "2 3", "9 3 2 3"];

/** @type {Record<string, string>} */
export const MEASURES = { share: "Share found", prevalence: "Calibrated prevalence" };
