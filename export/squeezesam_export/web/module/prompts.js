/**
 * Prompts: what the user may say, and how it becomes the network's input tensors; see
 * `squeezesam/inference/prompts.py`, whose arithmetic in 32-bit floats is kept.
 */

import { PromptError } from "./errors.js";
import {
  BOX_SLOTS,
  DISC_RADIUS,
  MAP_STRIDE,
  MapChannel,
  POINT_SLOTS,
  POSITION_FEATURES,
  POSITION_FREQUENCIES,
  PointLabel,
  TOKEN_FEATURES,
  TOKEN_SLOTS,
} from "./spec.js";

/**
 * Checked prompts in the pixels of one photo.
 * @typedef {object} Prompts
 * @property {number[][]} coords [x, y] of each click, oldest first
 * @property {number[]} labels of each click, POSITIVE or NEGATIVE
 * @property {number[] | null} box [x0, y0, x1, y1], or null
 */

const fround = Math.fround;

/**
 * @param {string} name of the argument
 * @param {readonly number[]} values
 * @param {number} length that they must have
 * @returns {number[]} the same as 32-bit floats
 */
function asFloats(name, values, length) {
  if (values.length !== length) {
    throw new PromptError(`${name} must have ${length} numbers, got ${values.length}`);
  }
  return Array.from(values, (value) => {
    const float = fround(value);
    if (typeof value !== "number" || !Number.isFinite(float)) {
      throw new PromptError(`${name} holds ${value}; give finite numbers`);
    }
    return float;
  });
}

/**
 * Check prompts against a photo and settle duplicates and contradictions: of clicks on the same place
 * the latest wins, and a box is clipped to the photo.
 * @param {readonly (readonly number[])[] | null | undefined} pointCoords [x, y] in photo pixels
 * @param {readonly number[] | null | undefined} pointLabels 1 object, 0 background, -1 unused
 * @param {readonly number[] | null | undefined} box [x0, y0, x1, y1] in photo pixels
 * @param {number} width of the photo
 * @param {number} height of the photo
 * @returns {Prompts}
 * @throws {PromptError} a value has no meaning on this photo
 */
export function checkPrompts(pointCoords, pointLabels, box, width, height) {
  if (!pointCoords !== !pointLabels) {
    throw new PromptError("pointCoords and pointLabels go together; one of them is missing");
  }
  /** @type {Map<string, {place: number[], label: number}>} */
  const latest = new Map();
  const labels = asFloats("pointLabels", pointLabels ?? [], pointCoords?.length ?? 0);
  (pointCoords ?? []).forEach((point, i) => {
    const place = asFloats(`pointCoords[${i}]`, point, 2);
    const label = labels[i];
    if (![PointLabel.PAD, PointLabel.NEGATIVE, PointLabel.POSITIVE].some((one) => one === label)) {
      throw new PromptError(
        `unknown point label ${label}; use 1 (object), 0 (background) or -1 (unused)`,
      );
    }
    if (label === PointLabel.PAD) return;
    const [x, y] = place;
    if (!(x >= 0 && x < width && y >= 0 && y < height)) {
      throw new PromptError(
        `point (${x}, ${y}) is outside the ${width}x${height} image; ` +
          `x must be in [0, ${width}), y in [0, ${height})`,
      );
    }
    const key = `${x + 0},${y + 0}`;
    latest.delete(key); // a map keeps the order in which keys came
    latest.set(key, { place, label });
  });
  const kept = [...latest.values()];
  return {
    coords: kept.map(({ place }) => place),
    labels: kept.map(({ label }) => label),
    box: box ? clipBox(box, width, height) : null,
  };
}

/**
 * See that prompts, without an earlier mask, say where the object is.
 * @param {Prompts} prompts
 * @throws {PromptError} there are none, or only clicks on what does not belong to it
 */
export function checkAsks(prompts) {
  if (prompts.box || prompts.labels.includes(PointLabel.POSITIVE)) return;
  throw new PromptError(
    prompts.coords.length
      ? "negative clicks alone do not say what is meant; add a positive click on the object, a box " +
          "around it, or an earlier mask of it"
      : "no prompt; give at least one click, a box or an earlier mask",
  );
}

/**
 * @param {readonly number[]} box
 * @param {number} width
 * @param {number} height
 * @returns {number[]} the part of the box that lies on the photo
 */
function clipBox(box, width, height) {
  const [x0, y0, x1, y1] = asFloats("box", box, 4);
  const clipped = [Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, width), Math.min(y1, height)];
  if (clipped[0] >= clipped[2] || clipped[1] >= clipped[3]) {
    throw new PromptError(
      `box (${x0}, ${y0}, ${x1}, ${y1}) covers nothing of the ${width}x${height} image; ` +
        "give x0, y0, x1, y1 with x0 < x1 and y0 < y1",
    );
  }
  return clipped;
}

/**
 * Prompts in input pixels.
 * @param {Prompts} prompts in photo pixels
 * @param {import("./letterbox.js").Letterbox} letterbox of the photo
 */
function onInput(prompts, letterbox) {
  const scale = letterbox.inside.map((length, axis) => fround(length / letterbox.photo[axis]));
  // A click names a pixel; its centre lies half a pixel further. A box names edges.
  const places = prompts.coords.map((place) =>
    place.map((at, axis) => fround(fround(at + 0.5) * scale[axis])),
  );
  const edges = prompts.box?.map((edge, i) => fround(edge * scale[i % 2])) ?? null;
  return { places, edges };
}

/**
 * Hand checked prompts on as the inputs of a network that draws them itself.
 * @param {Prompts} prompts in photo pixels
 * @param {import("./letterbox.js").Letterbox} letterbox of the photo
 * @param {Float32Array | null} maskInput [size/2, size/2] logits of an earlier answer
 * @returns {Record<string, Float32Array>} point_coords [1, N, 2], point_labels [1, N], mask_input
 *   [1, 1, size/2, size/2] and has_mask_input [1]; N is at least 1
 */
export function pointInputs(prompts, letterbox, maskInput) {
  const { places, edges } = onInput(prompts, letterbox);
  const labels = [...prompts.labels];
  const coords = places.flat();
  if (edges) {
    coords.push(...edges);
    labels.push(PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT);
  }
  if (!labels.length) {
    coords.push(0, 0);
    labels.push(PointLabel.PAD);
  }
  return {
    point_coords: Float32Array.from(coords),
    point_labels: Float32Array.from(labels),
    mask_input: maskInput ?? new Float32Array((letterbox.size / MAP_STRIDE) ** 2),
    has_mask_input: Float32Array.of(maskInput ? 1 : 0),
  };
}

/**
 * Encode checked prompts as the prompt inputs of a network that takes them drawn.
 * @param {Prompts} prompts in photo pixels
 * @param {import("./letterbox.js").Letterbox} letterbox of the photo
 * @param {Float32Array | null} maskInput [size/2, size/2] logits of an earlier answer
 * @returns {Record<string, Float32Array>} prompt_maps [1, 4, size/2, size/2] and prompt_tokens
 *   [1, 16, 28]
 */
export function encodePrompts(prompts, letterbox, maskInput) {
  const { size } = letterbox;
  const side = size / MAP_STRIDE;
  const { places, edges } = onInput(prompts, letterbox);

  const maps = new Float32Array(4 * side * side);
  /** @param {number} channel */
  const map = (channel) => maps.subarray(channel * side * side, (channel + 1) * side * side);
  for (const [channel, label] of [
    [MapChannel.POSITIVE, PointLabel.POSITIVE],
    [MapChannel.NEGATIVE, PointLabel.NEGATIVE],
  ]) {
    drawDiscs(
      map(channel),
      side,
      places.filter((_, i) => prompts.labels[i] === label),
    );
  }
  if (edges) fillBox(map(MapChannel.BOX), side, edges);
  if (maskInput) {
    map(MapChannel.PREVIOUS_MASK).set(maskInput.map((logit) => Math.tanh(logit / 2)));
  }

  const tokens = new Float32Array(TOKEN_SLOTS * TOKEN_FEATURES);
  const latest = places.slice(-POINT_SLOTS);
  const labels = prompts.labels.slice(-POINT_SLOTS);
  latest.forEach((place, i) => {
    writeToken(tokens, POINT_SLOTS - latest.length + i, place, labels[i], size);
  });
  if (edges) {
    writeToken(tokens, TOKEN_SLOTS - BOX_SLOTS, edges.slice(0, 2), PointLabel.BOX_TOP_LEFT, size);
    writeToken(tokens, TOKEN_SLOTS - 1, edges.slice(2), PointLabel.BOX_BOTTOM_RIGHT, size);
  }
  return { prompt_maps: maps, prompt_tokens: tokens };
}

/**
 * How each kind of segmenter takes its prompts, the one that is preferred first.
 * @type {Record<import("./manifest.js").SegmenterKind, typeof encodePrompts>}
 */
export const ENCODINGS = { "segmenter-points": pointInputs, segmenter: encodePrompts };

/**
 * Draw anti-aliased discs at places in input pixels.
 * @param {Float32Array} map [side, side], to be written
 * @param {number} side
 * @param {number[][]} places
 */
function drawDiscs(map, side, places) {
  const reach = DISC_RADIUS + 0.5;
  for (const place of places) {
    const [x, y] = place.map((at) => at / MAP_STRIDE);
    const [left, top] = [x, y].map((at) => Math.max(0, Math.floor(at - reach - 1)));
    const [right, bottom] = [x, y].map((at) => Math.min(side, Math.ceil(at + reach + 1)));
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const shade = Math.min(Math.max(reach - distance, 0), 1);
        const at = row * side + column;
        map[at] = Math.max(map[at], shade);
      }
    }
  }
}

/**
 * Fill in the share of each map pixel that a box covers.
 * @param {Float32Array} map [side, side], to be written
 * @param {number} side
 * @param {number[]} edges [x0, y0, x1, y1] in input pixels
 */
function fillBox(map, side, edges) {
  const [x0, y0, x1, y1] = edges.map((edge) => edge / MAP_STRIDE);
  /** @type {(i: number, low: number, high: number) => number} */
  const covered = (i, low, high) =>
    Math.min(Math.max(Math.min(i + 1, high) - Math.max(i, low), 0), 1);
  for (let row = 0; row < side; row++) {
    const down = covered(row, y0, y1);
    if (!down) continue;
    for (let column = 0; column < side; column++) {
      map[row * side + column] = down * covered(column, x0, x1);
    }
  }
}

/**
 * Write Fourier features of a place in input pixels and the one-hot kind of its label.
 * @param {Float32Array} tokens to be written
 * @param {number} slot
 * @param {number[]} place
 * @param {number} label
 * @param {number} size side of the input
 */
function writeToken(tokens, slot, place, label, size) {
  const start = slot * TOKEN_FEATURES;
  place.forEach((at, axis) => {
    for (let k = 0; k < POSITION_FREQUENCIES; k++) {
      const angle = fround(fround(at / size) * fround(2 ** k * Math.PI));
      const feature = start + 2 * axis * POSITION_FREQUENCIES + k;
      tokens[feature] = Math.sin(angle);
      tokens[feature + POSITION_FREQUENCIES] = Math.cos(angle);
    }
  });
  tokens[start + POSITION_FEATURES + label] = 1;
}
