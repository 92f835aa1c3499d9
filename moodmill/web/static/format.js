// How numbers and names are written.

/** @param {number} share */
export const percent = (share) =>
  share > 0 && share < 0.001 ? "<\u00a00.1\u00a0%" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u00a0%`;

/** @param {number} number */
export const probability = (number) => number.toFixed(3);

/** @param {number} number */
export const signed = (number, digits = 2) => {
  const written = Math.abs(number).toFixed(digits);
  return Number(written) === 0 ? written : `${number < 0 ? "\u2212" : "+"}${written}`;
};

/** @param {number} number */
export const count = (number) => number.toLocaleString("en");

/** @param {number} logit */
export const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

/**
 * What a token is called: as the text has it, or by its name in the vocabulary.
 * @param {import("moodmill/api.js").Token} token
 */
export const tokenName = (token) =>
  token.special || !token.text ? token.piece : token.piece.startsWith("##") ? token.piece : token.text.trim() || "\u2423";

/**
 * The numbers of the most, the largest first.
 * @param {ArrayLike<number>} values
 * @param {number} most
 */
export const largest = (values, most) =>
  Array.from(values, (_, at) => at)
    .sort((one, other) => values[other] - values[one] || one - other)
    .slice(0, most);

/**
 * Give a file to the reader.
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
