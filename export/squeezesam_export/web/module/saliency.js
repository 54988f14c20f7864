/**
 * The saliency prompt: from the detector's answer to five clicks on the most prominent object. The
 * rules are written down in `docs/salient.md` and `squeezesam/inference/saliency_prompt.py`.
 */

import { pieces } from "./blobs.js";
import { Letterbox } from "./letterbox.js";
import { ontoView, wholeView } from "./looks.js";
import { resizedValues } from "./resizing.js";
import {
  DEFAULT_SAMPLING,
  HEAT_LEVELS,
  MAP_STRIDE,
  PointLabel,
  SALIENCY_STRIDE,
} from "./spec.js";

/** @typedef {import("./spec.js").ClickSampling} ClickSampling */

/**
 * What was found in a heat map: the area of the blob, and clicks in pixels of the heat map.
 * @typedef {{area: number, clicks: number[][]}} SalientObject
 */

/**
 * The byte of the heat map for a logit.
 * @param {number} logit
 */
export function heatByte(logit) {
  return Math.floor((HEAT_LEVELS * (1 + Math.tanh(logit / 2))) / 2 + 0.5);
}

/**
 * The most salient object of a heat map and the clicks on it; null where nothing stands out.
 * @param {Uint8Array} heat bytes, row by row
 * @param {number} width
 * @param {ClickSampling} [sampling]
 * @returns {SalientObject | null}
 */
export function findSalientObject(heat, width, sampling = DEFAULT_SAMPLING) {
  const hot = heat.map((byte) => (byte >= sampling.threshold ? 1 : 0));
  const { numbers, areas } = pieces(hot, width, true);
  if (areas.length === 1) return null;
  const sums = areas.map(() => 0);
  numbers.forEach((number, i) => (sums[number] += number && heat[i]));
  const chosen = sums.indexOf(Math.max(...sums));
  const blob = Uint8Array.from(numbers, (number) => (number === chosen ? 1 : 0));
  const peak = heat.reduce((most, byte, i) => (blob[i] ? Math.max(most, byte) : most), 0);
  const isLarge = 1000 * areas[chosen] >= sampling.smallest_per_mille * heat.length;
  if (!isLarge || peak < sampling.peak) return null;
  return {
    area: areas[chosen],
    clicks: sectionClicks(blob, width).slice(0, sampling.clicks),
  };
}

/**
 * Clicks on the centre of mass of a blob that is not empty, and of its four sections.
 * @param {Uint8Array} blob
 * @param {number} width
 */
function sectionClicks(blob, width) {
  /** @type {number[][]} */
  const pixels = [];
  blob.forEach((value, i) => value && pixels.push([i % width, Math.floor(i / width)]));
  const whole = nearestToCentre(pixels);
  const clicks = [whole];
  for (const below of [false, true]) {
    for (const right of [false, true]) {
      const section = pixels.filter(([x, y]) => y > whole[1] === below && x > whole[0] === right);
      clicks.push(section.length ? nearestToCentre(section) : whole);
    }
  }
  return clicks;
}

/**
 * The pixel that is nearest to the centre of mass of pixels, the first of equals.
 * @param {number[][]} pixels in reading order, at least one
 */
function nearestToCentre(pixels) {
  const [sumX, sumY] = pixels.reduce(([sx, sy], [x, y]) => [sx + x, sy + y], [0, 0]);
  let nearest = pixels[0];
  let least = Infinity;
  for (const pixel of pixels) {
    const [across, down] = [pixels.length * pixel[0] - sumX, pixels.length * pixel[1] - sumY];
    const distance = across ** 2 + down ** 2;
    if (distance < least) [nearest, least] = [pixel, distance];
  }
  return nearest;
}

/** What stands out in a photo. */
export class Finding {
  /**
   * @param {Float32Array} saliencyLogits [1, 1, size/4, size/4], as the detector gives them
   * @param {Letterbox} letterbox of the photo in the detector's input
   * @param {ClickSampling} [sampling]
   */
  constructor(saliencyLogits, letterbox, sampling = DEFAULT_SAMPLING) {
    this.saliencyLogits = saliencyLogits;
    this.letterbox = letterbox;
    const [columns, rows] = letterbox.heatSize;
    const side = letterbox.size / SALIENCY_STRIDE;
    /** The part of the heat map that lies on the photo: `heatSize` bytes, row by row. */
    this.heat = new Uint8Array(columns * rows);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        this.heat[y * columns + x] = heatByte(saliencyLogits[y * side + x]);
      }
    }
    /** Null where nothing stands out. */
    this.salient = findSalientObject(this.heat, columns, sampling);
    /** The clicks in photo pixels; empty where nothing stands out. */
    this.coords = (this.salient?.clicks ?? []).map((click) => letterbox.photoPixel(click));
  }

  /** Labels of `coords`: all positive. */
  get labels() {
    return this.coords.map(() => PointLabel.POSITIVE);
  }

  /**
   * The heat map as an earlier mask of the photo.
   * @param {Letterbox} photo letterbox of the photo in the segmenter's input, of S pixels
   * @returns {Float32Array} [S/2, S/2] logits
   */
  maskInput(photo) {
    const [heatSide, side] = [SALIENCY_STRIDE, MAP_STRIDE].map(
      (stride) => this.letterbox.size / stride,
    );
    const logits = resizedValues(this.saliencyLogits, heatSide, heatSide, side, side);
    return ontoView(logits, this.letterbox, wholeView(photo.width, photo.height), photo);
  }
}
