/**
 * Two looks at a photo: a glance at all of it, then a closer look at what the glance found. The rules
 * are written down in `docs/looks.md` and `squeezesam/inference/looks.py`.
 */

import { Letterbox } from "./letterbox.js";
import { MAP_STRIDE, OUTSIDE_LOGIT, PointLabel } from "./spec.js";

/** @typedef {import("./letterbox.js").View} View */
/** @typedef {import("./prompts.js").Prompts} Prompts */

/**
 * All of a photo.
 * @param {number} width
 * @param {number} height
 * @returns {View}
 */
export function wholeView(width, height) {
  return { left: 0, top: 0, width, height };
}

/**
 * Whether a view is all of a photo.
 * @param {View} view
 * @param {{width: number, height: number}} photo
 */
export function isWhole(view, photo) {
  return view.width === photo.width && view.height === photo.height;
}

/**
 * The view around a mask and what belongs to it.
 * @param {Uint8Array} mask of 0 and 1, the part of it that lies on the photo
 * @param {Prompts} prompts
 * @param {Letterbox} letterbox of the photo
 * @param {import("./spec.js").Looking} looking how close
 * @returns {View}
 */
export function surroundings(mask, prompts, letterbox, looking) {
  const { photo, maskSize } = letterbox;
  /** Edges along x and along y. @type {[number[], number[]]} */
  const spans = [[], []];
  const [left, top, right, bottom] = bounds(mask, maskSize[0]);
  if (right > left) {
    [[left, right], [top, bottom]].forEach(([first, end], axis) => {
      const [side, cells] = [photo[axis], maskSize[axis]];
      spans[axis].push(Math.floor((first * side) / cells), Math.ceil((end * side) / cells));
    });
  }
  prompts.coords.forEach((place, i) => {
    if (prompts.labels[i] !== PointLabel.POSITIVE) return;
    place.forEach((at, axis) => spans[axis].push(Math.floor(at), Math.floor(at) + 1));
  });
  prompts.box?.forEach((edge, i) => {
    spans[i % 2].push(i < 2 ? Math.floor(edge) : Math.ceil(edge));
  });
  if (!spans[0].length) return wholeView(letterbox.width, letterbox.height);
  const [across, down] = spans.map((span) => [Math.min(...span), Math.max(...span)]);
  const longest = Math.max(across[1] - across[0], down[1] - down[0]);
  const wanted = Math.max(Math.ceil((longest * looking.surroundings) / 100), looking.smallest);
  const [x, y] = [across, down].map(([low, high], axis) => {
    const side = photo[axis];
    const length = Math.min(Math.max(wanted, Math.ceil(side / maskSize[axis])), side);
    const start = Math.min(Math.max(Math.floor((low + high - length) / 2), 0), side - length);
    return { start, length };
  });
  return { left: x.start, top: y.start, width: x.length, height: y.length };
}

/**
 * The smallest window with all of a mask in it, [x0, y0, x1, y1]; zeros where the mask is empty.
 * @param {Uint8Array} mask
 * @param {number} width
 */
function bounds(mask, width) {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  mask.forEach((value, i) => {
    if (!value) return;
    const x = i % width;
    const y = (i - x) / width;
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + 1);
    bottom = Math.max(bottom, y + 1);
  });
  return right ? [left, top, right, bottom] : [0, 0, 0, 0];
}

/**
 * Prompts on the photo as prompts on a view; clicks beside it are left out.
 * @param {Prompts} prompts
 * @param {View} view
 * @returns {Prompts}
 */
export function movedPrompts(prompts, view) {
  const corner = [view.left, view.top];
  const sides = [view.width, view.height];
  const places = prompts.coords.map((place) =>
    place.map((at, axis) => Math.fround(at - corner[axis])),
  );
  const inside = places.map((place) => place.every((at, axis) => at >= 0 && at < sides[axis]));
  return {
    coords: places.filter((_, i) => inside[i]),
    labels: prompts.labels.filter((_, i) => inside[i]),
    box: prompts.box && prompts.box.map((edge, i) => Math.fround(edge - corner[i % 2])),
  };
}

/**
 * A mask of the photo as the previous mask of a view.
 * @param {Float32Array} logits [size/2, size/2] of a mask of the whole photo
 * @param {Letterbox} photo its letterbox; of any size
 * @param {View} view of the photo
 * @param {Letterbox} letterbox of the view
 * @returns {Float32Array} [S/2, S/2], S being the size of `letterbox`
 */
export function ontoView(logits, photo, view, letterbox) {
  const starts = [view.left, view.top];
  const lengths = [view.width, view.height];
  const [x, y] = starts.map((start, axis) =>
    centres(letterbox.maskSize[axis], lengths[axis]).map(
      (at) => ((start + at) * photo.maskSize[axis]) / photo.photo[axis] - 0.5,
    ),
  );
  const moved = resampled(photo.cropped(logits), photo.maskSize[0], x, y);
  const side = letterbox.size / MAP_STRIDE;
  const square = new Float32Array(side * side).fill(OUTSIDE_LOGIT);
  for (let row = 0; row < y.length; row++) {
    square.set(moved.subarray(row * x.length, (row + 1) * x.length), row * side);
  }
  return square;
}

/**
 * A mask of a view as a mask of the photo.
 * @param {Float32Array} logits [S/2, S/2] of a mask of the view
 * @param {View} view of the photo
 * @param {Letterbox} letterbox of the view
 * @param {Letterbox} photo letterbox of the photo, of the same size S
 * @returns {Float32Array} [S/2, S/2]; OUTSIDE_LOGIT where a mask pixel has its centre outside
 */
export function ontoPhoto(logits, view, letterbox, photo) {
  const starts = [view.left, view.top];
  const lengths = [view.width, view.height];
  const [x, y] = starts.map((start, axis) => {
    const places = centres(photo.maskSize[axis], photo.photo[axis]).map((at) => at - start);
    const first = places.findIndex((at) => at >= 0 && at < lengths[axis]);
    const inside = places.filter((at) => at >= 0 && at < lengths[axis]);
    return {
      first,
      places: inside.map((at) => (at * letterbox.maskSize[axis]) / lengths[axis] - 0.5),
    };
  });
  const side = photo.size / MAP_STRIDE;
  const square = new Float32Array(side * side).fill(OUTSIDE_LOGIT);
  const part = letterbox.cropped(logits);
  const moved = resampled(part, letterbox.maskSize[0], x.places, y.places);
  const width = x.places.length;
  for (let row = 0; row < y.places.length; row++) {
    square.set(
      moved.subarray(row * width, (row + 1) * width),
      (y.first + row) * side + x.first,
    );
  }
  return square;
}

/**
 * Where the centres of cells lie that divide a length evenly.
 * @param {number} cells
 * @param {number} length
 */
function centres(cells, length) {
  return Array.from({ length: cells }, (_, i) => ((i + 0.5) * length) / cells);
}

/**
 * Values at other places, bilinearly, in 32-bit floats; beyond the edges the edge goes on.
 * @param {Float32Array} values row by row
 * @param {number} width of them
 * @param {number[]} x places along the rows
 * @param {number[]} y places down the columns
 * @returns {Float32Array} [y.length, x.length]
 */
function resampled(values, width, x, y) {
  const height = values.length / width;
  /** @type {(places: number[], last: number) => {low: number, next: number, share: number}[]} */
  const between = (places, last) =>
    places.map((place) => {
      const at = Math.min(Math.max(place, 0), last);
      const low = Math.floor(at);
      return { low, next: Math.min(low + 1, last), share: Math.fround(at - low) };
    });
  const fround = Math.fround;
  const columns = between(x, width - 1);
  const result = new Float32Array(x.length * y.length);
  const line = new Float32Array(width);
  between(y, height - 1).forEach((row, i) => {
    for (let column = 0; column < width; column++) {
      const before = values[row.low * width + column];
      const after = values[row.next * width + column];
      line[column] = before + fround(fround(after - before) * row.share);
    }
    for (let j = 0; j < columns.length; j++) {
      const { low, next, share } = columns[j];
      const before = line[low];
      result[i * x.length + j] = before + fround(fround(line[next] - before) * share);
    }
  });
  return result;
}
