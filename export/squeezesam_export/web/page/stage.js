/** The photo with its mask: draws, and tells clicks and boxes in photo pixels. */

import { outlinePath } from "./outline.js";

/** @typedef {import("./worker.js").Drawn} Drawn */
/** @typedef {import("./session.js").State} State */
/** @typedef {"add" | "remove" | "box"} Tool */
/** @typedef {"outline" | "cutout"} Look */

const LONG_TAP_MS = 450;
const DRAG_PIXELS = 8;
const STEP = 0.02; // of the long side, by an arrow key
const SVG = "http://www.w3.org/2000/svg";

/** @type {<Kind extends Element>(root: Element, selector: string) => Kind} */
const find = (root, selector) => /** @type {any} */ (root.querySelector(selector));

/** Events: `click` with `{x, y, label}` and `box` with `[x0, y0, x1, y1]` as their `detail`. */
export class Stage extends EventTarget {
  /** @type {Tool} */
  tool = "add";
  /** @type {Look} */
  look = "outline";
  #photo = { width: 1, height: 1 };
  /** @type {ImageBitmap | null} */
  #bitmap = null;
  /** @type {Drawn | null} */
  #answer = null;
  /** @type {OffscreenCanvas | null} its mask, as opacity */
  #shape = null;
  /** Where the keyboard points, in photo pixels. */
  #cursor = { x: 0, y: 0 };
  /** The box of what is shown. @type {number[] | null} */
  #shownBox = null;
  /** The first corner of a box that is being drawn. @type {{x: number, y: number} | null} */
  #corner = null;
  /** Where and when a pointer went down. @type {{x: number, y: number, timer: number} | null} */
  #press = null;

  /** @param {HTMLElement} root with the elements of `index.html` */
  constructor(root) {
    super();
    this.root = root;
    /** @type {HTMLElement} */
    this.frame = find(root, ".frame");
    /** @type {HTMLCanvasElement} */
    this.canvas = find(root, "canvas");
    /** @type {SVGSVGElement} */
    this.svg = find(root, "svg.lines");
    /** @type {HTMLElement} */
    this.marks = find(root, ".marks");
    this.#listen();
    new ResizeObserver(() => this.#fit()).observe(root);
  }

  /**
   * @param {{width: number, height: number, shown: ImageBitmap}} photo
   */
  setPhoto({ width, height, shown }) {
    this.#bitmap?.close();
    this.#bitmap = shown;
    this.#photo = { width, height };
    this.#cursor = { x: width / 2, y: height / 2 };
    this.canvas.width = shown.width;
    this.canvas.height = shown.height;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.root.classList.add("has-photo");
    this.root.style.setProperty("--aspect", String(width / height));
    this.#fit();
  }

  /** @param {State} state whose clicks, box and mask are shown */
  show({ clicks, box, answer }) {
    this.#answer = answer;
    this.#shape = answer && shapeOf(answer);
    this.marks.replaceChildren(
      ...clicks.map(({ x, y, label }) => this.#mark(x + 0.5, y + 0.5, label ? "add" : "remove")),
    );
    this.#shownBox = box;
    this.#drawBox(box);
    const path = answer ? outlinePath(answer.logits, answer.columns, answer.view) : "";
    for (const line of this.svg.querySelectorAll("path")) line.setAttribute("d", path);
    this.draw();
  }

  /** Paint the photo, and the mask as the look says. */
  draw() {
    const context = this.canvas.getContext("2d");
    if (!context || !this.#bitmap) return;
    const { width, height } = this.canvas;
    const answer = this.#answer;
    const shape = this.#shape;
    this.frame.dataset.look = answer ? this.look : "outline";
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, width, height);
    if (!answer || !shape) {
      context.drawImage(this.#bitmap, 0, 0);
      return;
    }
    const { view } = answer;
    const scale = width / this.#photo.width;
    const place = [view.left, view.top, view.width, view.height].map((edge) => edge * scale);
    const [x, y, w, h] = place;
    if (this.look === "outline") {
      context.fillStyle = getComputedStyle(this.frame).getPropertyValue("--shade");
      context.fillRect(0, 0, width, height);
      context.globalCompositeOperation = "destination-out";
      context.drawImage(shape, x, y, w, h);
      context.globalCompositeOperation = "destination-over";
    } else {
      context.drawImage(shape, x, y, w, h);
      context.globalCompositeOperation = "source-in";
    }
    context.drawImage(this.#bitmap, 0, 0);
  }

  /**
   * Show where a click has been taken before its answer is there.
   * @param {{x: number, y: number, label: number}} click
   */
  pending({ x, y, label }) {
    const mark = this.#mark(x + 0.5, y + 0.5, label ? "add" : "remove");
    mark.classList.add("pending");
    this.marks.append(mark);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {string} kind
   */
  #mark(x, y, kind) {
    const mark = document.createElement("span");
    mark.className = `mark ${kind}`;
    mark.style.left = `${(100 * x) / this.#photo.width}%`;
    mark.style.top = `${(100 * y) / this.#photo.height}%`;
    return mark;
  }

  /** @param {number[] | null} box */
  #drawBox(box) {
    this.svg.querySelector("rect")?.remove();
    if (!box) return;
    const rectangle = document.createElementNS(SVG, "rect");
    const [x0, y0, x1, y1] = box;
    const sides = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    for (const [name, value] of Object.entries(sides)) rectangle.setAttribute(name, String(value));
    this.svg.append(rectangle);
  }

  /** Give the frame the photo's shape, as large as the stage allows. */
  #fit() {
    const { width, height } = this.#photo;
    const scale = Math.min(this.root.clientWidth / width, this.root.clientHeight / height);
    this.frame.style.width = `${Math.floor(width * scale)}px`;
    this.frame.style.height = `${Math.floor(height * scale)}px`;
  }

  #listen() {
    const { frame } = this;
    frame.addEventListener("contextmenu", (event) => event.preventDefault());
    frame.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button === 1) return;
      frame.setPointerCapture(event.pointerId);
      const at = this.#placeOf(event);
      const timer = window.setTimeout(() => {
        this.#release();
        navigator.vibrate?.(15);
        this.#click(at, 0);
      }, LONG_TAP_MS);
      if (event.pointerType !== "touch") clearTimeout(timer);
      this.#press = { x: event.clientX, y: event.clientY, timer };
      this.#corner = at;
    });
    frame.addEventListener("pointermove", (event) => {
      if (!this.#isDrag(event) || !this.#corner) return;
      clearTimeout(this.#press?.timer);
      this.#drawBox(ordered(this.#corner, this.#placeOf(event)));
    });
    frame.addEventListener("pointerup", (event) => {
      if (!this.#press) return;
      const at = this.#placeOf(event);
      if (this.#isDrag(event) && this.#corner) this.#box(this.#corner, at);
      else if (this.tool !== "box") {
        this.#click(at, event.button === 2 || this.tool === "remove" ? 0 : 1);
      }
      this.#release();
    });
    frame.addEventListener("pointercancel", () => {
      this.#release();
      this.#drawBox(this.#shownBox);
    });
    frame.addEventListener("keydown", (event) => this.#key(event));
    frame.addEventListener("blur", () => this.#showCursor(false));
  }

  #release() {
    clearTimeout(this.#press?.timer);
    this.#press = null;
    this.#corner = null;
  }

  /** @param {PointerEvent} event */
  #isDrag(event) {
    const press = this.#press;
    return press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > DRAG_PIXELS;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const [across, down] = /** @type {Record<string, number[]>} */ ({
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    })[event.key] ?? [0, 0];
    if (across || down) {
      const { width, height } = this.#photo;
      const step = Math.max(width, height) * (event.shiftKey ? 4 * STEP : STEP);
      this.#cursor = this.#inside(this.#cursor.x + across * step, this.#cursor.y + down * step);
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.tool !== "box") {
        this.#click(this.#cursor, event.shiftKey || this.tool === "remove" ? 0 : 1);
      } else if (this.#corner) {
        this.#box(this.#corner, this.#cursor);
        this.#corner = null;
      } else this.#corner = { ...this.#cursor };
    } else return;
    event.preventDefault();
    this.#showCursor(true);
    if (this.tool === "box" && this.#corner) this.#drawBox(ordered(this.#corner, this.#cursor));
  }

  /** @param {boolean} visible */
  #showCursor(visible) {
    this.frame.querySelector(".cursor")?.remove();
    if (visible) this.frame.append(this.#mark(this.#cursor.x, this.#cursor.y, "cursor"));
  }

  /** @param {MouseEvent} event */
  #placeOf(event) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    return this.#inside(
      ((event.clientX - left) / width) * this.#photo.width,
      ((event.clientY - top) / height) * this.#photo.height,
    );
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #inside(x, y) {
    const { width, height } = this.#photo;
    return { x: Math.min(Math.max(x, 0), width - 0.01), y: Math.min(Math.max(y, 0), height - 0.01) };
  }

  /**
   * @param {{x: number, y: number}} at
   * @param {number} label
   */
  #click({ x, y }, label) {
    const detail = { x: Math.floor(x), y: Math.floor(y), label };
    this.dispatchEvent(new CustomEvent("click", { detail }));
  }

  /**
   * @param {{x: number, y: number}} one
   * @param {{x: number, y: number}} other
   */
  #box(one, other) {
    const detail = ordered(one, other);
    if (detail[2] - detail[0] < 1 || detail[3] - detail[1] < 1) this.#drawBox(this.#shownBox);
    else this.dispatchEvent(new CustomEvent("box", { detail }));
  }
}

/**
 * The mask of an answer, as opacity.
 * @param {Drawn} answer
 */
function shapeOf({ width, height, alpha }) {
  const canvas = new OffscreenCanvas(width, height);
  const pixels = new ImageData(width, height);
  alpha.forEach((value, i) => (pixels.data[4 * i + 3] = value));
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}

/** @type {(one: {x: number, y: number}, other: {x: number, y: number}) => number[]} */
const ordered = (one, other) => [
  Math.min(one.x, other.x),
  Math.min(one.y, other.y),
  Math.max(one.x, other.x),
  Math.max(one.y, other.y),
];
