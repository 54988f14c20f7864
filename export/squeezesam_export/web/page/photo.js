/** Photos: whether they can be read, and their pixels. */

import { ImageError } from "../module/errors.js";

const MOST_PIXELS = 70e6; // as in squeezesam/image_io.py

/**
 * See that a file is a photo of a size that can be read, without reading its pixels.
 * @param {Blob} file
 */
export async function checkPhoto(file) {
  const image = new Image();
  const url = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = () =>
        reject(new Error("this file is no photo that the browser can read; try JPEG or PNG"));
      image.src = url;
    });
  } finally {
    URL.revokeObjectURL(url);
  }
  const pixels = image.naturalWidth * image.naturalHeight;
  if (pixels > MOST_PIXELS) {
    throw new Error(
      `this photo has ${Math.round(pixels / 1e6)} megapixels, more than the ` +
        `${MOST_PIXELS / 1e6} that can be used; make it smaller`,
    );
  }
}

/**
 * Decode a photo, upright.
 * @param {Blob} file
 * @throws {ImageError} the browser cannot read it
 */
export function decoded(file) {
  return createImageBitmap(file).catch(() => {
    throw new ImageError("this file is no photo that the browser can read; try JPEG or PNG");
  });
}

/**
 * The pixels of a photo, on white where it is transparent.
 * @param {ImageBitmap} bitmap
 * @throws {ImageError} the browser has no memory for it
 */
export function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const context = canvasContext(width, height);
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/**
 * @param {number} width
 * @param {number} height
 * @throws {ImageError} the browser has no memory for it
 */
export function canvasContext(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new ImageError("this photo is too large for the browser; give a smaller one");
  return context;
}
