// Clean masks in plain JavaScript, as docs/masks.md describes them.
// `node mask_cleaning.mjs VECTORS.json` prints its answer to each golden case as JSON.

import { readFileSync } from "node:fs";
import process from "node:process";

const FLIPPED_LOGIT = 0.0625;

// The number of each pixel's piece, 0 for none, and how many pixels each number has.
function pieces(mask, width, height, value, corners) {
  const numbers = new Int32Array(mask.length);
  const areas = [0];
  for (let first = 0; first < mask.length; first++) {
    if (numbers[first] || mask[first] !== value) continue;
    const piece = [first];
    numbers[first] = areas.length;
    for (let next = 0; next < piece.length; next++) {
      const x = piece[next] % width;
      const y = Math.floor(piece[next] / width);
      for (const [dx, dy] of [[0, -1], [-1, 0], [1, 0], [0, 1], [-1, -1], [1, -1], [-1, 1], [1, 1]]) {
        if (dx && dy && !corners) continue;
        const [column, row] = [x + dx, y + dy];
        if (column < 0 || column >= width || row < 0 || row >= height) continue;
        const neighbour = row * width + column;
        if (numbers[neighbour] || mask[neighbour] !== value) continue;
        numbers[neighbour] = areas.length;
        piece.push(neighbour);
      }
    }
    areas.push(piece.length);
  }
  return { numbers, areas };
}

function filled(mask, width, height, asked, cleaning) {
  const { numbers, areas } = pieces(mask, width, height, 0, false);
  const open = new Set(asked.negative.map(([x, y]) => numbers[y * width + x]));
  numbers.forEach((number, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) open.add(number);
  });
  return mask.map((value, i) => {
    const gap = numbers[i];
    return value || (!open.has(gap) && areas[gap] < cleaning.pinhole_area) ? 1 : 0;
  });
}

export function cleaned(mask, width, height, asked, cleaning) {
  const whole = filled(mask, width, height, asked, cleaning);
  const at = ([x, y]) => y * width + x;
  const { numbers, areas } = pieces(whole, width, height, 1, true);
  const clicked = new Set(asked.positive.map((place) => numbers[at(place)]));
  const denied = new Set(asked.negative.map((place) => numbers[at(place)]));
  const halves = (isIn) => {
    const counts = areas.map(() => 0);
    numbers.forEach((number, i) => (counts[number] += isIn(i) ? 1 : 0));
    return (number) => 2 * counts[number] >= areas[number];
  };
  const wanted = [];
  if (asked.window) {
    const [left, top, right, bottom] = asked.window;
    wanted.push(
      halves((i) => {
        const [x, y] = [i % width, Math.floor(i / width)];
        return left <= x && x < right && top <= y && y < bottom;
      }),
    );
  }
  if (asked.previous) wanted.push(halves((i) => asked.previous[i]));
  if (!asked.positive.length && !asked.window) wanted.push(() => true);
  const regions = areas.map((_, number) => number).slice(1);
  let stay = regions.filter(
    (number) => clicked.has(number) || (!denied.has(number) && wanted.some((is) => is(number))),
  );
  if (!stay.length) stay = regions;
  const large = stay.filter(
    (number) => clicked.has(number) || areas[number] >= cleaning.speck_area,
  );
  const kept = new Set(large.length ? large : stay);
  return Uint8Array.from(numbers, (number) => (kept.has(number) ? 1 : 0));
}

export function cleanedLogits(logits, width, height, asked, cleaning) {
  const mask = Uint8Array.from(logits, (logit) => (logit > 0 ? 1 : 0));
  const clean = cleaned(mask, width, height, asked, cleaning);
  return logits.map((logit, i) => {
    if (clean[i] === mask[i]) return logit;
    const size = Math.max(Math.abs(logit), FLIPPED_LOGIT);
    return clean[i] ? size : -size;
  });
}

function roundHalfToEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

export function places(photo, inputSize, photoPixels, boxes) {
  const whole = 2 * Math.max(...photo);
  const maskSize = photo.map((side) => Math.max(1, roundHalfToEven((side * inputSize) / whole)));
  const pixel = (place, axis) =>
    Math.min(
      Math.floor(((2 * place + 1) * maskSize[axis]) / (2 * photo[axis])),
      maskSize[axis] - 1,
    );
  const edge = (place, axis) =>
    Math.max(0, Math.ceil((2 * place * maskSize[axis] - photo[axis]) / (2 * photo[axis])));
  return {
    mask_size: maskSize,
    mask_pixels: photoPixels.map((place) => place.map(pixel)),
    windows: boxes.map((box) => box.map((place, i) => edge(place, i % 2))),
  };
}

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const DEFAULTS = { speck_area: 16, pinhole_area: 16 };

const ANSWERS = {
  clean: (given) => {
    const asked = { ...given, previous: given.previous && bytes(given.previous) };
    const clean = cleaned(bytes(given.mask), given.width, given.height, asked, given.cleaning);
    return { cleaned: Buffer.from(clean).toString("base64") };
  },
  logits: (given) => {
    const asked = { positive: given.positive, negative: [] };
    return { cleaned: cleanedLogits(given.logits, given.width, given.height, asked, DEFAULTS) };
  },
  places: (given) => places(given.photo, given.input_size, given.photo_pixels, given.boxes),
};

if (process.argv[2]) {
  const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
  console.log(JSON.stringify(cases.map((given) => ANSWERS[given.kind](given))));
}
