/** The way from a photo to the square network input; see `squeezesam/inference/letterbox.py`. */

import { ImageError } from "./errors.js";
import { resizedBytes } from "./resizing.js";
import { MAP_STRIDE, PAD_BYTE, PIXEL_MEAN, PIXEL_SCALE, SALIENCY_STRIDE } from "./spec.js";

/**
 * Pixels of a photo: RGB or RGBA bytes, row by row, as an `ImageData` has them.
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number}} Photo
 */

/**
 * A part of a photo in photo pixels.
 * @typedef {{left: number, top: number, width: number, height: number}} View
 */

/** The longest side of a photo in pixels; what JPEG can declare. */
const MAX_PHOTO_SIDE = 65535;

/**
 * A photo as RGB bytes of its own; what is transparent lies over white.
 * @param {Photo} photo
 * @returns {{data: Uint8Array, width: number, height: number}}
 * @throws {ImageError} it has no such pixels
 */
export function asPhoto(photo) {
  const { data, width, height } = photo;
  const sides = [width, height];
  if (!sides.every((side) => Number.isInteger(side) && side > 0 && side <= MAX_PHOTO_SIDE)) {
    throw new ImageError(`a photo of ${width}x${height} pixels cannot be used; give another one`);
  }
  const channels = data.length / (width * height);
  if (channels !== 3 && channels !== 4) {
    throw new ImageError(
      `${data.length} bytes are no ${width}x${height} photo; give RGB or RGBA bytes`,
    );
  }
  if (channels === 3) return { data: Uint8Array.from(data), width, height };
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    const alpha = data[from + 3];
    for (let channel = 0; channel < 3; channel++) {
      const level = data[from + channel];
      rgb[to + channel] = alpha === 255 ? level : 255 + Math.round(((level - 255) * alpha) / 255);
    }
  }
  return { data: rgb, width, height };
}

/**
 * The whole number nearest to a number that is not negative; a half goes to the even one.
 * @param {number} value
 */
function roundHalfToEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

/** A photo fitted into the top left of the square input. */
export class Letterbox {
  /**
   * Fit a photo so that its long side fills the input.
   * @param {number} width of the photo in pixels
   * @param {number} height of the photo in pixels
   * @param {number} size side of the input in pixels
   */
  constructor(width, height, size) {
    this.width = width;
    this.height = height;
    this.size = size;
    const whole = MAP_STRIDE * Math.max(width, height);
    const cells = [width, height].map((side) =>
      Math.max(1, roundHalfToEven((side * size) / whole)),
    );
    /** Columns and rows of a mask that lie on the photo. */
    this.maskSize = cells;
    /** Width and height that the photo takes up in the input. */
    this.inside = cells.map((side) => side * MAP_STRIDE);
    /** Columns and rows of the heat map that have their centre on the photo. */
    this.heatSize = this.inside.map((side) =>
      Math.max(1, Math.floor((side + SALIENCY_STRIDE / 2 - 1) / SALIENCY_STRIDE)),
    );
  }

  /** Width and height of the photo. */
  get photo() {
    return [this.width, this.height];
  }

  /**
   * The mask pixel under the centre of a photo pixel.
   * @param {readonly number[]} place [x, y] in photo pixels
   * @returns {number[]} [column, row]
   */
  maskPixel(place) {
    return place.map((at, axis) => {
      const [cells, side] = [this.maskSize[axis], this.photo[axis]];
      return Math.min(Math.floor(((2 * at + 1) * cells) / (2 * side)), cells - 1);
    });
  }

  /**
   * The mask pixels whose centres lie in a box on the photo.
   * @param {readonly number[]} box [x0, y0, x1, y1] in photo pixels
   * @returns {number[]} [x0, y0, x1, y1], without the pixels of x1 and y1
   */
  maskWindow(box) {
    return box.map((edge, i) => {
      const [cells, side] = [this.maskSize[i % 2], this.photo[i % 2]];
      return Math.max(0, Math.ceil((2 * edge * cells - side) / (2 * side)));
    });
  }

  /**
   * The photo pixel under the centre of a pixel of the heat map.
   * @param {readonly number[]} place [column, row]
   * @returns {number[]} [x, y]
   */
  photoPixel(place) {
    return place.map((at, axis) => {
      const centre = Math.floor(((2 * at + 1) * SALIENCY_STRIDE) / 2);
      const side = this.photo[axis];
      return Math.min(Math.floor((centre * side) / this.inside[axis]), side - 1);
    });
  }

  /**
   * The input `image` that shows a part of a photo.
   * @param {{data: Uint8Array, width: number}} photo RGB
   * @param {View} view the part, of this letterbox's width and height
   * @returns {Float32Array} [1, 3, size, size]
   */
  apply(photo, view) {
    const [columns, rows] = this.inside;
    const bytes = resizedBytes(photo.data, photo.width, view, columns, rows);
    const plane = this.size * this.size;
    const image = new Float32Array(3 * plane).fill((PAD_BYTE - PIXEL_MEAN) * PIXEL_SCALE);
    for (let y = 0, from = 0; y < rows; y++) {
      for (let x = 0, to = y * this.size; x < columns; x++, to++, from += 3) {
        image[to] = (bytes[from] - PIXEL_MEAN) * PIXEL_SCALE;
        image[plane + to] = (bytes[from + 1] - PIXEL_MEAN) * PIXEL_SCALE;
        image[2 * plane + to] = (bytes[from + 2] - PIXEL_MEAN) * PIXEL_SCALE;
      }
    }
    return image;
  }

  /**
   * The part of a mask of the square that lies on the photo.
   * @param {Float32Array} mask [size/2, size/2]
   * @returns {Float32Array} rows of `maskSize`
   */
  cropped(mask) {
    const [columns, rows] = this.maskSize;
    const side = this.size / MAP_STRIDE;
    const part = new Float32Array(columns * rows);
    for (let y = 0; y < rows; y++) {
      part.set(mask.subarray(y * side, y * side + columns), y * columns);
    }
    return part;
  }
}
