/**
 * Clean masks: what nobody asked for goes, and so do specks and pinholes. The rules are written down
 * in `docs/masks.md` and `squeezesam/inference/mask_cleanup.py`.
 */

import { pieces } from "./blobs.js";
import { DEFAULT_CLEANING, FLIPPED_LOGIT, MAP_STRIDE, MASK_THRESHOLD, PointLabel } from "./spec.js";

/**
 * What a mask is asked for, in the pixels of the part of it that lies on the photo.
 * @typedef {object} Asked
 * @property {number[][]} positive [x, y] of the clicks on the object
 * @property {number[][]} negative [x, y] of the clicks on the background
 * @property {number[] | null} window [x0, y0, x1, y1] of the box; null without one
 * @property {Uint8Array | null} previous the mask so far; null without one
 */

/**
 * What prompts ask of a mask.
 * @param {import("./prompts.js").Prompts} prompts in photo pixels
 * @param {Float32Array | null} maskInput [size/2, size/2] logits of the mask so far
 * @param {import("./letterbox.js").Letterbox} letterbox of the photo
 * @returns {Asked}
 */
export function askedOf(prompts, maskInput, letterbox) {
  const places = prompts.coords.map((place) => letterbox.maskPixel(place));
  return {
    positive: places.filter((_, i) => prompts.labels[i] === PointLabel.POSITIVE),
    negative: places.filter((_, i) => prompts.labels[i] === PointLabel.NEGATIVE),
    window: prompts.box && letterbox.maskWindow(prompts.box),
    previous: maskInput && maskOf(letterbox.cropped(maskInput)),
  };
}

/**
 * @param {ArrayLike<number>} logits
 * @returns {Uint8Array} 1 where a logit exceeds the threshold
 */
export function maskOf(logits) {
  const mask = new Uint8Array(logits.length);
  for (let i = 0; i < mask.length; i++) mask[i] = logits[i] > MASK_THRESHOLD ? 1 : 0;
  return mask; // `Uint8Array.from` takes ten times as long for a large photo
}

/**
 * Clean the logits of a mask of the square; its padding stays as it is.
 * @param {Float32Array} logits [size/2, size/2]
 * @param {Asked} asked
 * @param {import("./letterbox.js").Letterbox} letterbox of the photo
 * @param {import("./spec.js").MaskCleaning} [cleaning]
 * @returns {Float32Array} a copy
 */
export function cleanedLogits(logits, asked, letterbox, cleaning = DEFAULT_CLEANING) {
  const [columns] = letterbox.maskSize;
  const before = maskOf(letterbox.cropped(logits));
  const after = cleaned(before, columns, asked, cleaning);
  const clean = logits.slice();
  before.forEach((was, i) => {
    if (was === after[i]) return;
    const x = i % columns;
    const at = ((i - x) / columns) * (letterbox.size / MAP_STRIDE) + x;
    const size = Math.max(Math.abs(clean[at]), FLIPPED_LOGIT);
    clean[at] = after[i] ? size : -size;
  });
  return clean;
}

/**
 * Clean a mask of 0 and 1.
 * @param {Uint8Array} mask row by row
 * @param {number} width
 * @param {Asked} asked
 * @param {import("./spec.js").MaskCleaning} [cleaning]
 * @returns {Uint8Array}
 */
export function cleaned(mask, width, asked, cleaning = DEFAULT_CLEANING) {
  return withoutUnasked(filled(mask, width, asked, cleaning), width, asked, cleaning);
}

/**
 * A mask without its pinholes.
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {Asked} asked
 * @param {import("./spec.js").MaskCleaning} cleaning
 */
function filled(mask, width, asked, cleaning) {
  const height = mask.length / width;
  const { numbers, areas } = pieces(mask.map((value) => 1 - value), width, false);
  const open = new Set(asked.negative.map(([x, y]) => numbers[y * width + x]));
  for (let x = 0; x < width; x++) open.add(numbers[x]).add(numbers[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) open.add(numbers[y * width]).add(numbers[(y + 1) * width - 1]);
  const small = areas.map((area, gap) => gap > 0 && area < cleaning.pinhole_area && !open.has(gap));
  return mask.map((value, i) => (value || small[numbers[i]] ? 1 : 0));
}

/**
 * The regions of a mask that stay.
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {Asked} asked
 * @param {import("./spec.js").MaskCleaning} cleaning
 */
function withoutUnasked(mask, width, asked, cleaning) {
  const { numbers, areas } = pieces(mask, width, true);
  /** @param {number[]} place */
  const regionAt = ([x, y]) => numbers[y * width + x];
  const clicked = new Set(asked.positive.map(regionAt));
  const denied = new Set(asked.negative.map(regionAt));
  const regions = areas.map((_, number) => number).slice(1);

  /** @type {Set<number>} */
  const wanted = new Set(!asked.positive.length && !asked.window ? regions : []);
  /** @param {(i: number, x: number, y: number) => unknown} counts */
  const wantHalves = (counts) => {
    const inside = areas.map(() => 0);
    numbers.forEach((number, i) => {
      if (number && counts(i, i % width, Math.floor(i / width))) inside[number]++;
    });
    for (const number of regions) if (2 * inside[number] >= areas[number]) wanted.add(number);
  };
  const { window, previous } = asked;
  if (window) {
    const [left, top, right, bottom] = window;
    wantHalves((_, x, y) => left <= x && x < right && top <= y && y < bottom);
  }
  if (previous) wantHalves((i) => previous[i]);

  let stay = regions.filter(
    (number) => clicked.has(number) || (wanted.has(number) && !denied.has(number)),
  );
  if (!stay.length) stay = regions;
  const large = stay.filter(
    (number) => clicked.has(number) || areas[number] >= cleaning.speck_area,
  );
  const kept = new Set(large.length ? large : stay);
  return Uint8Array.from(numbers, (number) => (kept.has(number) ? 1 : 0));
}
