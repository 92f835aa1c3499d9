// The mark of an emotion whose probability is above its threshold.
import { html } from "moodmill/dom.js";

/** @param {{is: boolean}} props */
export const Found = ({ is }) => is && html`<b class="found"> ✓<span class="unseen"> above its threshold</span></b>`;
