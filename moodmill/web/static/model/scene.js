// A picture as a list of shapes: drawn on a canvas while a reader looks, and written as SVG when one keeps it.

/**
 * @typedef {{x1: number, y1: number, x2: number, y2: number, width: number, color: string, opacity: number}} Line
 * @typedef {{x: number, y: number, width: number, height: number, color: string, opacity: number}} Box
 * @typedef {{x: number, y: number, radius: number, color: string, opacity: number, ring: string}} Dot
 * @typedef {{x: number, y: number, text: string, anchor: "start" | "middle" | "end", color: string, size: number,
 *   bold?: boolean}} Label
 * @typedef {{width: number, height: number, paper: string, lines: Line[], boxes: Box[], dots: Dot[], labels: Label[]}} Scene
 */

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 * @param {number} [share] How much of the lines' opacity is shown.
 */
export function paint(canvas, scene, share = 1) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(scene.width * scale);
  canvas.height = Math.round(scene.height * scale);
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(scale, scale);
  pen.lineCap = "round";
  for (const box of scene.boxes) {
    pen.globalAlpha = box.opacity;
    pen.fillStyle = box.color;
    pen.fillRect(box.x, box.y, box.width, box.height);
  }
  for (const line of scene.lines) {
    pen.globalAlpha = line.opacity * share;
    pen.strokeStyle = line.color;
    pen.lineWidth = line.width;
    pen.beginPath();
    pen.moveTo(line.x1, line.y1);
    pen.lineTo(line.x2, line.y2);
    pen.stroke();
  }
  for (const dot of scene.dots) {
    pen.beginPath();
    pen.arc(dot.x, dot.y, dot.radius, 0, 2 * Math.PI);
    pen.globalAlpha = dot.opacity;
    pen.fillStyle = dot.color;
    pen.fill();
    pen.globalAlpha = 1;
    pen.strokeStyle = dot.ring;
    pen.lineWidth = 1.2;
    pen.stroke();
  }
  pen.globalAlpha = 1;
  pen.textBaseline = "middle";
  for (const label of scene.labels) {
    pen.fillStyle = label.color;
    pen.font = `${label.bold ? "600 " : ""}${label.size}px ${FONT}`;
    pen.textAlign = label.anchor === "middle" ? "center" : label.anchor;
    pen.fillText(label.text, label.x, label.y);
  }
}

/**
 * @param {Scene} scene
 * @returns {string}
 */
export function toSvg(scene) {
  const picture = document.implementation.createDocument("http://www.w3.org/2000/svg", "svg");
  const root = picture.documentElement;
  /** @param {string} name @param {Record<string, string | number>} values @param {string} [text] */
  const add = (name, values, text) => {
    const element = picture.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values))
      element.setAttribute(key, typeof value === "number" ? String(+value.toFixed(3)) : value);
    if (text !== undefined) element.textContent = text;
    root.append(element);
  };
  const { width, height } = scene;
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT }))
    root.setAttribute(key, String(value));
  add("rect", { width, height, fill: scene.paper });
  for (const box of scene.boxes)
    add("rect", {
      x: box.x, y: box.y, width: box.width, height: box.height, fill: box.color, "fill-opacity": box.opacity,
    });
  for (const line of scene.lines)
    add("line", {
      x1: line.x1, y1: line.y1, x2: line.x2, y2: line.y2, stroke: line.color, "stroke-opacity": line.opacity,
      "stroke-width": line.width, "stroke-linecap": "round",
    });
  for (const dot of scene.dots)
    add("circle", {
      cx: dot.x, cy: dot.y, r: dot.radius, fill: dot.color, "fill-opacity": dot.opacity, stroke: dot.ring,
    });
  for (const label of scene.labels)
    add("text", {
      x: label.x, y: label.y, fill: label.color, "font-size": label.size, "text-anchor": label.anchor,
      "dominant-baseline": "central", ...(label.bold ? { "font-weight": 600 } : {}),
    }, label.text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "\ufffd"));
  return new XMLSerializer().serializeToString(picture);
}

/**
 * Return the colors of the page as it looks now.
 * @returns {Record<"ink" | "soft" | "line" | "card" | "accent" | "up" | "down" | "positive" | "negative" | "ambiguous", string>}
 */
export function colors() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "soft", "line", "card", "accent", "up", "down", "positive", "negative", "ambiguous"];
  return /** @type {any} */ (Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])));
}
