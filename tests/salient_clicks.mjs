// The salient pipeline from logits to clicks in plain JavaScript, as docs/salient.md describes it.
// `node salient_clicks.mjs VECTORS.json` prints its answer to each golden case as JSON.

import { readFileSync } from "node:fs";
import process from "node:process";

const CELL = 4; // input pixels per pixel of the heat map

export function heatByte(logit) {
  return Math.floor(255 / (1 + Math.exp(-logit)) + 0.5);
}

// Pixels [x, y] of the most salient blob in reading order, or null.
export function mostSalientBlob(heat, width, height, threshold) {
  const seen = new Uint8Array(heat.length);
  let best = null;
  let bestSum = 0;
  for (let first = 0; first < heat.length; first++) {
    if (seen[first] || heat[first] < threshold) continue;
    const blob = [first];
    seen[first] = 1;
    let sum = 0;
    for (let next = 0; next < blob.length; next++) {
      sum += heat[blob[next]];
      const x = blob[next] % width;
      const y = Math.floor(blob[next] / width);
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const neighbour = row * width + column;
          if (seen[neighbour] || heat[neighbour] < threshold) continue;
          seen[neighbour] = 1;
          blob.push(neighbour);
        }
      }
    }
    if (sum > bestSum) {
      bestSum = sum;
      best = blob;
    }
  }
  return best && best.sort((a, b) => a - b).map((i) => [i % width, Math.floor(i / width)]);
}

function nearestToCentre(pixels) {
  let sumX = 0;
  let sumY = 0;
  for (const [x, y] of pixels) {
    sumX += x;
    sumY += y;
  }
  let nearest = null;
  let least = Infinity;
  for (const [x, y] of pixels) {
    const distance = (pixels.length * x - sumX) ** 2 + (pixels.length * y - sumY) ** 2;
    if (distance < least) {
      least = distance;
      nearest = [x, y];
    }
  }
  return nearest;
}

export function findSalientObject(heat, width, height, sampling) {
  const blob = mostSalientBlob(heat, width, height, sampling.threshold);
  const isObject =
    blob !== null &&
    1000 * blob.length >= sampling.smallest_per_mille * width * height &&
    blob.some(([x, y]) => heat[y * width + x] >= sampling.peak);
  if (!isObject) return { blob_area: 0, clicks: [] };
  const [wholeX, wholeY] = nearestToCentre(blob);
  const clicks = [[wholeX, wholeY]];
  for (const below of [false, true]) {
    for (const right of [false, true]) {
      const section = blob.filter(([x, y]) => y > wholeY === below && x > wholeX === right);
      clicks.push(section.length ? nearestToCentre(section) : [wholeX, wholeY]);
    }
  }
  return { blob_area: blob.length, clicks: clicks.slice(0, sampling.clicks) };
}

function roundHalfToEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

export function places(photo, inputSize, heatPixels) {
  const whole = 2 * Math.max(...photo);
  const inside = photo.map((side) => 2 * Math.max(1, roundHalfToEven((side * inputSize) / whole)));
  const heatSize = inside.map((side) => Math.max(1, Math.floor((side + 1) / CELL)));
  const photoPixels = heatPixels.map((place) =>
    place.map((at, axis) => {
      const centre = CELL * at + CELL / 2;
      return Math.min(Math.floor((centre * photo[axis]) / inside[axis]), photo[axis] - 1);
    }),
  );
  return { inside, heat_size: heatSize, photo_pixels: photoPixels };
}

const ANSWERS = {
  heat: (given) => ({ bytes: given.logits.map(heatByte) }),
  clicks: (given) =>
    findSalientObject(Buffer.from(given.heat, "base64"), given.width, given.height, given.sampling),
  places: (given) => places(given.photo, given.input_size, given.heat_pixels),
};

if (process.argv[2]) {
  const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
  console.log(JSON.stringify(cases.map((given) => ANSWERS[given.kind](given))));
}
