/** The predictor, with the meaning of `squeezesam/inference/predictor.py`. */

import { askedOf, cleanedLogits, maskOf } from "./cleaning.js";
import { ArtifactError, ConfigError, ImageError, PromptError } from "./errors.js";
import { asPhoto, Letterbox } from "./letterbox.js";
import { isWhole, movedPrompts, ontoPhoto, ontoView, surroundings, wholeView } from "./looks.js";
import { checkAsks, checkPrompts, ENCODINGS } from "./prompts.js";
import {
  DEFAULT_CLEANING,
  DEFAULT_LOOKING,
  MAP_STRIDE,
  NUM_MASKS,
  OUTSIDE_LOGIT,
} from "./spec.js";
import { photoAlpha, photoLogits, photoMask, placed } from "./upsampling.js";

/** @typedef {import("./letterbox.js").Photo} Photo */
/** @typedef {import("./letterbox.js").View} View */
/** @typedef {import("./prompts.js").Prompts} Prompts */

/**
 * A network, whatever runs it. Tensors go in and out as their values, by name.
 * @typedef {object} Network
 * @property {import("./manifest.js").NetworkKind} kind
 * @property {number} inputSize side of its square image input in pixels
 * @property {(inputs: Record<string, Float32Array>) => Promise<Record<string, Float32Array>>} run
 */

/**
 * What a prediction is asked. Without any prompt a `SaliencyPredictor` finds the most prominent object.
 * @typedef {object} Question
 * @property {readonly (readonly number[])[] | null} [pointCoords] clicks [x, y] in photo pixels
 * @property {readonly number[] | null} [pointLabels] 1 object, 0 background, -1 unused
 * @property {readonly number[] | null} [box] [x0, y0, x1, y1] in photo pixels
 * @property {Float32Array | null} [maskInput] [size/2, size/2], one of `lowResMasks` of an earlier
 *   answer on the same photo
 * @property {boolean} [multimaskOutput] three alternative masks instead of the one whole object;
 *   true where nothing is said
 */

/**
 * How a predictor works. `cleaning: null` leaves masks as the network gives them, `looking: null`
 * looks once at the whole photo, and `onStage` is told how many milliseconds each stage took.
 * @typedef {object} PredictorOptions
 * @property {import("./spec.js").MaskCleaning | null} [cleaning]
 * @property {import("./spec.js").Looking | null} [looking]
 * @property {(stage: string, milliseconds: number) => void} [onStage]
 */

/**
 * Masks [C][height * width] of 0 and 1, or logits; predicted IoUs [C]; logits [C][size/2 * size/2].
 * @typedef {object} Prediction
 * @property {(Uint8Array | Float32Array)[]} masks
 * @property {Float32Array} iouPredictions
 * @property {Float32Array[]} lowResMasks
 */

/** Masks as a look at a part of a photo gives them. */
export class MaskAnswer {
  /**
   * @param {Float32Array[]} logits [C][size/2 * size/2] of the view, cleaned
   * @param {Float32Array} iouPredictions [C]
   * @param {View} view what was looked at
   * @param {Letterbox} letterbox of the view
   * @param {Letterbox} photo letterbox of the whole photo
   */
  constructor(logits, iouPredictions, view, letterbox, photo) {
    this.logits = logits;
    this.iouPredictions = iouPredictions;
    this.view = view;
    this.letterbox = letterbox;
    this.photo = photo;
  }

  /** Logits of the masks of the whole photo, for the next prediction. */
  get lowResMasks() {
    if (isWhole(this.view, this.photo)) return this.logits;
    return this.logits.map((mask) => ontoPhoto(mask, this.view, this.letterbox, this.photo));
  }

  /** Masks of 0 and 1 at the size of the photo. */
  photoMasks() {
    return this.logits.map((mask) => this.#onPhoto(photoMask(mask, this.letterbox), 0));
  }

  /** Logits at the size of the photo. */
  photoLogits() {
    return this.logits.map((mask) => this.#onPhoto(photoLogits(mask, this.letterbox), OUTSIDE_LOGIT));
  }

  /** Opacities of soft cut-outs at the size of the photo. */
  photoAlphas() {
    return this.logits.map((mask) => this.#onPhoto(photoAlpha(mask, this.letterbox), 0));
  }

  /**
   * @template {Float32Array | Uint8Array | Uint8ClampedArray} Values
   * @param {Values} part
   * @param {number} outside
   */
  #onPhoto(part, outside) {
    return placed(part, this.view, this.photo.width, this.photo.height, outside);
  }
}

/**
 * A photo that predictions are about, and its letterbox in the segmenter's input.
 * @typedef {object} SetPhoto
 * @property {{data: Uint8Array, width: number, height: number}} pixels
 * @property {Letterbox} letterbox
 */

/** Masks for one photo after another. */
export class SamPredictor {
  /** @type {SetPhoto | null} */
  #photo = null;

  /**
   * @param {Network} model the segmenter
   * @param {PredictorOptions} [options]
   * @throws {ConfigError} the model is no segmenter
   */
  constructor(model, { cleaning = DEFAULT_CLEANING, looking = DEFAULT_LOOKING, onStage } = {}) {
    if (model.kind === "detector") {
      throw new ConfigError(`the model is a ${model.kind}; give a segmenter in its place`);
    }
    this.model = model;
    this.encode = ENCODINGS[model.kind];
    this.cleaning = cleaning;
    this.looking = looking;
    this.onStage = onStage;
  }

  /** Forget the photo. */
  resetImage() {
    this.#photo = null;
  }

  /** Whether there is a photo to predict on. */
  get isImageSet() {
    return this.#photo !== null;
  }

  /** Height and width of the photo. */
  get originalSize() {
    const { letterbox } = this.currentPhoto();
    return [letterbox.height, letterbox.width];
  }

  /**
   * Take the photo that the next predictions are about.
   * @param {Photo} photo RGB or RGBA pixels, upright; an `ImageData` for example
   * @throws {ImageError} it has no pixels that can be used
   */
  setImage(photo) {
    const pixels = asPhoto(photo);
    const letterbox = new Letterbox(pixels.width, pixels.height, this.model.inputSize);
    this.#photo = { pixels, letterbox };
  }

  /**
   * Masks of what the prompts mean on the photo.
   * @param {Question & {returnLogits?: boolean}} [question] with `returnLogits`, masks are logits
   * @returns {Promise<Prediction>}
   * @throws {ImageError} no photo is set
   * @throws {PromptError} no prompt, negative clicks alone, or one without meaning on this photo
   * @throws {ArtifactError} the network answers NaN or infinity
   */
  async predict(question = {}) {
    return asPrediction(await this.answer(question), question.returnLogits);
  }

  /**
   * As `predict`, before the masks are brought to the size of the photo.
   * @param {Question} [question]
   * @returns {Promise<MaskAnswer>}
   */
  async answer(question = {}) {
    return this.answerOn(this.currentPhoto(), question);
  }

  /**
   * As `answer`, on a photo that may be replaced in the meantime.
   * @param {SetPhoto} photo
   * @param {Question} question
   * @returns {Promise<MaskAnswer>}
   * @protected
   */
  async answerOn(photo, question) {
    const { pointCoords, pointLabels, box, maskInput, multimaskOutput = true } = question;
    const whole = photo.letterbox;
    const prompts = checkPrompts(pointCoords, pointLabels, box, whole.width, whole.height);
    if (!maskInput) checkAsks(prompts);
    let previous = maskInput ? this.#checkedMask(maskInput) : null;
    const channels = multimaskOutput ? [1, 2, 3] : [0];
    const all = wholeView(whole.width, whole.height);
    if (!this.looking) {
      const { logits, ious } = await this.#look("look", photo, all, whole, prompts, previous, channels);
      return new MaskAnswer(logits, ious, all, whole, whole);
    }
    if (!previous) {
      const glance = await this.#look("glance", photo, all, whole, prompts, null, [0]);
      [previous] = glance.logits;
    }
    const view = surroundings(maskOf(whole.cropped(previous)), prompts, whole, this.looking);
    const letterbox = new Letterbox(view.width, view.height, this.model.inputSize);
    const { logits, ious } = await this.#look(
      "closer look",
      photo,
      view,
      letterbox,
      movedPrompts(prompts, view),
      ontoView(previous, whole, view, letterbox),
      channels,
    );
    return new MaskAnswer(logits, ious, view, letterbox, whole);
  }

  /**
   * Cleaned logits and predicted IoUs of one inference.
   * @param {string} name of the look
   * @param {SetPhoto} photo
   * @param {View} view
   * @param {Letterbox} letterbox of the view
   * @param {Prompts} prompts on the view
   * @param {Float32Array | null} previous
   * @param {number[]} channels
   */
  async #look(name, photo, view, letterbox, prompts, previous, channels) {
    const inputs = this.timed(`${name}: prepare`, () => ({
      image: letterbox.apply(photo.pixels, view),
      ...this.encode(prompts, letterbox, previous),
    }));
    const started = performance.now();
    const answer = await this.model.run(inputs);
    this.onStage?.(`${name}: network`, performance.now() - started);
    return this.timed(`${name}: clean`, () => {
      const area = answer.low_res_masks.length / NUM_MASKS;
      const masks = channels.map((i) => answer.low_res_masks.slice(i * area, (i + 1) * area));
      if (!masks.every((mask) => mask.every(Number.isFinite))) {
        throw new ArtifactError(
          "the network answers NaN or infinity; use other weights or precision",
        );
      }
      const { cleaning } = this;
      const asked = askedOf(prompts, previous, letterbox);
      return {
        logits: cleaning
          ? masks.map((mask) => cleanedLogits(mask, asked, letterbox, cleaning))
          : masks,
        ious: Float32Array.from(channels, (i) => answer.iou_predictions[i]),
      };
    });
  }

  /**
   * @template Result
   * @param {string} stage
   * @param {() => Result} work
   * @returns {Result}
   * @protected
   */
  timed(stage, work) {
    const started = performance.now();
    const result = work();
    this.onStage?.(stage, performance.now() - started);
    return result;
  }

  /**
   * @returns {SetPhoto}
   * @protected
   */
  currentPhoto() {
    if (!this.#photo) throw new ImageError("no photo is set; call setImage first");
    return this.#photo;
  }

  /** @param {Float32Array} maskInput */
  #checkedMask(maskInput) {
    const side = this.model.inputSize / MAP_STRIDE;
    if (maskInput.length !== side * side || !maskInput.every(Number.isFinite)) {
      throw new PromptError(
        `maskInput must hold ${side}x${side} finite logits, got ${maskInput.length} numbers; ` +
          "give one of lowResMasks of an earlier answer",
      );
    }
    return maskInput;
  }
}

/**
 * What `predict` gives of an answer.
 * @param {MaskAnswer} answer
 * @param {boolean} [returnLogits]
 * @returns {Prediction}
 */
export function asPrediction(answer, returnLogits = false) {
  const { iouPredictions, lowResMasks } = answer;
  const masks = returnLogits ? answer.photoLogits() : answer.photoMasks();
  return { masks, iouPredictions, lowResMasks };
}
