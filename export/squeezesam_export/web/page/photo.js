/** Photos before they are read. */

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
