/** Masks at the size of the photo; see `photo_masks` and `photo_alphas` in `squeezesam/inference/letterbox.py`. */

import { maskOf } from "./cleaning.js";
import { isWhole } from "./looks.js";
import { resizedValues } from "./resizing.js";
import { EDGE_SHARPNESS, MASK_THRESHOLD } from "./spec.js";

/** @typedef {import("./letterbox.js").Letterbox} Letterbox */

/**
 * Logits of a mask at the size of the photo.
 * @param {Float32Array} logits [size/2, size/2]
 * @param {Letterbox} letterbox of the photo
 * @returns {Float32Array} [height, width]
 */
export function photoLogits(logits, letterbox) {
  return enlarged(letterbox.cropped(logits), letterbox, letterbox.width, letterbox.height);
}

/**
 * A mask of 0 and 1 at the size of the photo.
 * @param {Float32Array} logits [size/2, size/2]
 * @param {Letterbox} letterbox of the photo
 * @returns {Uint8Array} [height, width]
 */
export function photoMask(logits, letterbox) {
  return maskOf(photoLogits(logits, letterbox));
}

/**
 * The opacity of a soft cut-out: near the outline how sure the network is, away from it 0 or 255.
 * @param {Float32Array} logits [size/2, size/2]
 * @param {Letterbox} letterbox of the photo
 * @param {number} [width] of the result; that of the photo where nothing else is said
 * @param {number} [height] of the result
 * @returns {Uint8ClampedArray} [height, width] bytes
 */
export function photoAlpha(
  logits,
  letterbox,
  width = letterbox.width,
  height = letterbox.height,
) {
  const part = letterbox.cropped(logits);
  const values = enlarged(part, letterbox, width, height);
  const softness = enlarged(nearOutline(part, letterbox.maskSize[0]), letterbox, width, height);
  const alpha = new Uint8ClampedArray(values.length); // which rounds, a half to the even byte
  for (let i = 0; i < alpha.length; i++) {
    const hard = values[i] > MASK_THRESHOLD ? 1 : 0;
    if (!softness[i]) {
      alpha[i] = 255 * hard;
      continue;
    }
    const soft = 1 / (1 + Math.exp(-EDGE_SHARPNESS * (values[i] - MASK_THRESHOLD)));
    alpha[i] = 255 * (hard + softness[i] * (soft - hard));
  }
  return alpha;
}

/**
 * 1 for a mask pixel of which one of the eight around it is on the other side of the outline.
 * @param {Float32Array} part of a mask, row by row
 * @param {number} width of it
 */
function nearOutline(part, width) {
  const height = part.length / width;
  return part.map((value, i) => {
    const x = i % width;
    const y = (i - x) / width;
    for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++) {
      for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
        const other = part[row * width + column];
        if (other > MASK_THRESHOLD !== value > MASK_THRESHOLD) return 1;
      }
    }
    return 0;
  });
}

/**
 * @param {Float32Array} part of a mask that lies on the photo
 * @param {Letterbox} letterbox
 * @param {number} width
 * @param {number} height
 */
function enlarged(part, letterbox, width, height) {
  const [columns, rows] = letterbox.maskSize;
  return resizedValues(part, columns, rows, width, height);
}

/**
 * Values of a view at its place in the photo.
 * @template {Float32Array | Uint8Array | Uint8ClampedArray} Values
 * @param {Values} part of the view, row by row
 * @param {import("./letterbox.js").View} view
 * @param {number} width of the photo
 * @param {number} height of the photo
 * @param {number} outside what stands beside the view
 * @returns {Values}
 */
export function placed(part, view, width, height, outside) {
  if (isWhole(view, { width, height })) return part;
  const Type = /** @type {new (length: number) => Values} */ (part.constructor);
  const values = new Type(width * height);
  values.fill(outside);
  for (let y = 0; y < view.height; y++) {
    const row = part.subarray(y * view.width, (y + 1) * view.width);
    values.set(row, (view.top + y) * width + view.left);
  }
  return values;
}
