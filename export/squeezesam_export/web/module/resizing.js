/**
 * Resizing photos and masks, bilinearly with half-pixel centres, as PyTorch does it.
 *
 * A side that shrinks is antialiased: the triangle filter is as wide as the step between two results.
 */

/**
 * What each result along one axis is made from: `count` weights of the values from `first` on, at
 * `weights[result * width]`.
 * @typedef {{first: Int32Array, count: Int32Array, weights: Float64Array, width: number}} Taps
 */

/**
 * Weights of the triangle filter along one axis.
 * @param {number} from how many values there are
 * @param {number} to how many there will be
 * @returns {Taps}
 */
function taps(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const width = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Float64Array(to * width);
  for (let i = 0; i < to; i++) {
    const centre = scale * (i + 0.5);
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const stop = Math.min(Math.trunc(centre + support + 0.5), from);
    first[i] = start;
    count[i] = Math.min(Math.max(stop - start, 0), width);
    let total = 0;
    for (let j = 0; j < count[i]; j++) {
      const distance = Math.abs((start + j - centre + 0.5) / support);
      const weight = Math.max(1 - distance, 0);
      weights[i * width + j] = weight;
      total += weight;
    }
    for (let j = 0; j < count[i]; j++) weights[i * width + j] /= total;
  }
  return { first, count, weights, width };
}

/**
 * Weights as whole numbers of at most 15 bits, and how many of these bits lie behind the point.
 * @param {Float64Array} weights
 * @returns {{whole: Int32Array, bits: number}}
 */
function wholeWeights(weights) {
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  let bits = 0;
  while (bits < 22 && Math.trunc(0.5 + largest * 2 ** (bits + 1)) < 2 ** 15) bits++;
  return { whole: Int32Array.from(weights, (weight) => Math.trunc(0.5 + weight * 2 ** bits)), bits };
}

/**
 * Part of an RGB photo, resized with antialiasing to bytes, first along the rows and then down the
 * columns, with a byte in between. The bytes are those of PyTorch.
 * @param {Uint8Array} pixels RGB, row by row, of a whole photo
 * @param {number} stride pixels in a row of the photo
 * @param {{left: number, top: number, width: number, height: number}} part of the photo
 * @param {number} width of the result
 * @param {number} height of the result
 * @returns {Uint8Array} RGB, row by row
 */
export function resizedBytes(pixels, stride, part, width, height) {
  const rows = new Uint8Array(part.height * width * 3);
  if (width === part.width) {
    for (let y = 0; y < part.height; y++) {
      const start = ((part.top + y) * stride + part.left) * 3;
      rows.set(pixels.subarray(start, start + width * 3), y * width * 3);
    }
  } else {
    const across = taps(part.width, width);
    const { whole, bits } = wholeWeights(across.weights);
    const half = 2 ** (bits - 1);
    for (let y = 0; y < part.height; y++) {
      const start = ((part.top + y) * stride + part.left) * 3;
      for (let x = 0; x < width; x++) {
        let [red, green, blue] = [half, half, half];
        let at = start + across.first[x] * 3;
        const end = x * across.width + across.count[x];
        for (let tap = x * across.width; tap < end; tap++, at += 3) {
          const weight = whole[tap];
          red += weight * pixels[at];
          green += weight * pixels[at + 1];
          blue += weight * pixels[at + 2];
        }
        const to = (y * width + x) * 3;
        rows[to] = Math.min(red >> bits, 255);
        rows[to + 1] = Math.min(green >> bits, 255);
        rows[to + 2] = Math.min(blue >> bits, 255);
      }
    }
  }
  if (height === part.height) return rows;
  const down = taps(part.height, height);
  const { whole, bits } = wholeWeights(down.weights);
  const half = 2 ** (bits - 1);
  const result = new Uint8Array(height * width * 3);
  const sums = new Int32Array(width * 3);
  for (let y = 0; y < height; y++) {
    sums.fill(half);
    for (let j = 0; j < down.count[y]; j++) {
      const weight = whole[y * down.width + j];
      const from = (down.first[y] + j) * width * 3;
      for (let i = 0; i < sums.length; i++) sums[i] += weight * rows[from + i];
    }
    const to = y * width * 3;
    for (let i = 0; i < sums.length; i++) result[to + i] = Math.min(sums[i] >> bits, 255);
  }
  return result;
}

/**
 * Values resized to another size.
 * @param {Float32Array} values row by row
 * @param {number} width of them
 * @param {number} height of them
 * @param {number} toWidth
 * @param {number} toHeight
 * @returns {Float32Array} row by row
 */
export function resizedValues(values, width, height, toWidth, toHeight) {
  // Both sides shrink with antialiasing as soon as one of them shrinks; one that grows is the same.
  const across = taps(width, toWidth);
  const down = taps(height, toHeight);
  const rows = new Float32Array(height * toWidth);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < toWidth; x++) {
      let sum = 0;
      for (let j = 0; j < across.count[x]; j++) {
        sum += across.weights[x * across.width + j] * values[y * width + across.first[x] + j];
      }
      rows[y * toWidth + x] = sum;
    }
  }
  const result = new Float32Array(toHeight * toWidth);
  for (let y = 0; y < toHeight; y++) {
    const to = y * toWidth;
    for (let j = 0; j < down.count[y]; j++) {
      const weight = down.weights[y * down.width + j];
      const from = (down.first[y] + j) * toWidth;
      for (let x = 0; x < toWidth; x++) result[to + x] += weight * rows[from + x];
    }
  }
  return result;
}
