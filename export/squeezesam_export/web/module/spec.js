/**
 * The constants of `squeezesam/spec.py` that ports need, under the same names.
 *
 * A test of the Python package holds these numbers to those of `spec.py`, and `manifest.js` refuses
 * a bundle that was exported with others.
 */

export const MAP_STRIDE = 2;
export const SALIENCY_STRIDE = 4;
export const HEAT_LEVELS = 255;
export const PIXEL_MEAN = 128;
export const PIXEL_SCALE = 1 / 128;
export const PAD_BYTE = 128;
export const DISC_RADIUS = 2.5;
export const POINT_SLOTS = 14;
export const BOX_SLOTS = 2;
export const TOKEN_SLOTS = POINT_SLOTS + BOX_SLOTS;
export const POSITION_FREQUENCIES = 6;
export const POSITION_FEATURES = 4 * POSITION_FREQUENCIES;
export const TOKEN_KINDS = 4;
export const TOKEN_FEATURES = POSITION_FEATURES + TOKEN_KINDS;
export const NUM_MASKS = 4;
export const MASK_THRESHOLD = 0;
export const FLIPPED_LOGIT = 0.0625;
export const OUTSIDE_LOGIT = -8;
export const EDGE_SHARPNESS = 2;

/** Codes of `pointLabels`, with segment-anything's meaning. */
export const PointLabel = Object.freeze({
  PAD: -1,
  NEGATIVE: 0,
  POSITIVE: 1,
  BOX_TOP_LEFT: 2,
  BOX_BOTTOM_RIGHT: 3,
});

/** Inputs with an axis of any length, and that axis; manifests have its usual length. */
export const OPEN_AXES = Object.freeze({ point_coords: 1, point_labels: 1 });

/** Channels of `prompt_maps`. */
export const MapChannel = Object.freeze({ POSITIVE: 0, NEGATIVE: 1, BOX: 2, PREVIOUS_MASK: 3 });

/**
 * The numbers of the mask cleaning, in mask pixels.
 * @typedef {{speck_area: number, pinhole_area: number}} MaskCleaning
 */

/** @type {Readonly<MaskCleaning>} */
export const DEFAULT_CLEANING = Object.freeze({ speck_area: 16, pinhole_area: 16 });

/**
 * The numbers of the closer look: the side of the view in percent of what it is around, and its
 * least side in photo pixels.
 * @typedef {{surroundings: number, smallest: number}} Looking
 */

/** @type {Readonly<Looking>} */
export const DEFAULT_LOOKING = Object.freeze({ surroundings: 150, smallest: 64 });

/**
 * The choices of the click sampling; see `ClickSampling` in `squeezesam/inference/saliency_prompt.py`.
 * @typedef {{threshold: number, peak: number, smallest_per_mille: number, clicks: number}}
 *   ClickSampling
 */

/** @type {Readonly<ClickSampling>} */
export const DEFAULT_SAMPLING = Object.freeze({
  threshold: 240,
  peak: 244,
  smallest_per_mille: 4,
  clicks: 5,
});
