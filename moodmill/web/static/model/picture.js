// A picture on the page: drawn when it changes, in the colors of the theme, and saved as SVG or PNG.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "moodmill/dom.js";
import { download } from "moodmill/format.js";
import { colors, paint, toSvg } from "moodmill/model/scene.js";

/** How long a picture takes to appear, in ms. */
const APPEARING = 350;

/** Return a number that changes with the theme. */
function useTheme() {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const next = () => setTurn((before) => before + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    window.addEventListener("theme", next);
    system.addEventListener("change", next);
    return () => {
      window.removeEventListener("theme", next);
      system.removeEventListener("change", next);
    };
  }, []);
  return turn;
}

/**
 * Draw a picture, its lines stronger from frame to frame; return what stops it.
 * @param {HTMLCanvasElement} canvas
 * @param {import("moodmill/model/scene.js").Scene} picture
 */
function appear(canvas, picture) {
  let frame = 0;
  const began = performance.now();
  /** @param {number} now */
  const step = (now) => {
    const share = Math.min(1, Math.max(0, now - began) / APPEARING);
    paint(canvas, picture, 1 - (1 - share) ** 3);
    if (share < 1) frame = requestAnimationFrame(step);
  };
  step(began);
  return () => cancelAnimationFrame(frame);
}

/**
 * `label`: what it shows, for those who cannot see it; empty where a text beside it says so. `appears`: when these change,
 * another picture appears; `changes`: when these do, it is drawn anew at once. `name`: of the file that it can be saved as.
 * `onPoint`, `onPick`: where a mouse is, and where it clicks: x, y and the width, in pixels; null where it has left.
 * @param {{scene: (width: number, colors: any) => any, appears: any[], changes?: any[], label: string, name?: string,
 *   onPoint?: (x: number | null, y: number, width: number) => void, onPick?: (x: number, y: number, width: number) => void}} props
 */
export function Picture({ scene, appears, changes, label, name, onPoint, onPick }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const shown = useRef(/** @type {any[]} */ ([]));
  const [width, setWidth] = useState(0);
  const theme = useTheme();
  useEffect(() => {
    const box = canvas.current?.parentElement;
    if (!box) return;
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const target = canvas.current;
    if (!target || !width) return;
    const picture = scene(width, colors());
    target.style.height = `${picture.height}px`;
    const isAnother = appears.some((one, at) => one !== shown.current[at]);
    shown.current = appears;
    // Small ones, which nothing points at, are many.
    if (isAnother && onPoint && !matchMedia("(prefers-reduced-motion: reduce)").matches) return appear(target, picture);
    paint(target, picture);
  }, [...appears, ...(changes ?? []), width, theme]);
  const saveSvg = () => download(new Blob([toSvg(scene(width, colors()))], { type: "image/svg+xml" }), `${name}.svg`);
  const savePng = () => canvas.current?.toBlob((blob) => blob && download(blob, `${name}.png`));
  /** @param {any} event */
  const point = (event) => onPoint?.(event.offsetX, event.offsetY, width);
  /** @param {any} event */
  const pick = (event) => onPick?.(event.offsetX, event.offsetY, width);
  return html`<div class="picture">
    <div class="drawn"><canvas ref=${canvas} class=${onPick ? "pointed" : ""} role=${label ? "img" : null} aria-label=${label || null}
      aria-hidden=${label ? null : "true"} onMouseMove=${point} onMouseLeave=${() => onPoint?.(null, 0, width)} onClick=${pick}></canvas></div>
    ${name && html`<p class="keep">
      <button type="button" aria-label=${`Save ${name} as SVG`} onClick=${saveSvg}>Save as SVG</button>
      <button type="button" aria-label=${`Save ${name} as PNG`} onClick=${savePng}>Save as PNG</button></p>`}
  </div>`;
}
