// A picture on the page: drawn when it changes, in the colors of the theme, and kept as SVG or PNG.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "moodmill/dom.js";
import { download } from "moodmill/format.js";
import { colors, paint, toSvg } from "moodmill/model/scene.js";

/** How long a picture takes to appear, in ms. */
const APPEARING = 350;

/** Return a number that changes with the theme. */
export function useTheme() {
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
 * @param {{scene: (width: number, colors: any) => import("moodmill/model/scene.js").Scene, drawn: any[], label: string,
 *   name?: string, still?: boolean, onPoint?: (y: number | null) => void, onPick?: (y: number) => void}} props
 * `drawn`: what the picture depends on; `label`: what it shows, for those who cannot see it, empty where a text beside it says so; `name`: of the file, where it can be
 * kept; `still`: nothing moves; `onPoint`, `onPick`: where a mouse is, and
 * where it clicks, in pixels from the top.
 */
export function Picture({ scene, drawn, label, name, still, onPoint, onPick }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
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
    if (still || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      paint(target, picture);
      return;
    }
    let frame = 0;
    const began = performance.now();
    /** @param {number} now */
    const step = (now) => {
      const share = Math.min(1, Math.max(0, now - began) / APPEARING);
      paint(target, picture, 1 - (1 - share) ** 3);
      if (share < 1) frame = requestAnimationFrame(step);
    };
    step(began);
    return () => cancelAnimationFrame(frame);
  }, [...drawn, width, theme]);
  return html`<div class="picture">
    <div class="drawn"><canvas ref=${canvas} role=${label ? "img" : null} aria-label=${label || null} aria-hidden=${label ? null : "true"}
      onMouseMove=${onPoint && ((/** @type {any} */ event) => onPoint(event.offsetY))} onMouseLeave=${onPoint && (() => onPoint(null))}
      onClick=${onPick && ((/** @type {any} */ event) => onPick(event.offsetY))}></canvas></div>
    ${name && html`<p class="keep">
      <button type="button" onClick=${() => download(new Blob([toSvg(scene(width, colors()))], { type: "image/svg+xml" }), `${name}.svg`)}>SVG</button>
      <button type="button" onClick=${() => canvas.current?.toBlob((blob) => blob && download(blob, `${name}.png`))}>PNG</button>
    </p>`}
  </div>`;
}
