/**
 * The predictor that needs no click, with the meaning of `squeezesam/inference/saliency_predictor.py`: the most
 * prominent object first, then corrections.
 */

import { ArtifactError, ConfigError, NoSalientObjectError } from "./errors.js";
import { Letterbox } from "./letterbox.js";
import { wholeView } from "./looks.js";
import { asPrediction, SamPredictor } from "./predictor.js";
import { Finding } from "./saliency.js";
import { DEFAULT_SAMPLING } from "./spec.js";

/** @typedef {import("./predictor.js").MaskAnswer} MaskAnswer */
/** @typedef {import("./predictor.js").Network} Network */
/** @typedef {import("./predictor.js").Prediction} Prediction */
/** @typedef {import("./predictor.js").PredictorOptions} PredictorOptions */
/** @typedef {import("./predictor.js").Question} Question */
/** @typedef {import("./predictor.js").SetPhoto} SetPhoto */

/** A `SamPredictor` that answers with the most prominent object when it is asked nothing. */
export class SaliencyPredictor extends SamPredictor {
  /** @type {WeakMap<SetPhoto, Promise<Finding>>} */
  #findings = new WeakMap();

  /**
   * @param {Network} model the segmenter
   * @param {Network} detector the salient-object detector
   * @param {PredictorOptions & {sampling?: import("./spec.js").ClickSampling}} [options]
   * @throws {ConfigError} one is in the other's place
   */
  constructor(model, detector, { sampling = DEFAULT_SAMPLING, ...options } = {}) {
    super(model, options);
    if (detector.kind !== "detector") {
      throw new ConfigError(`the detector is a ${detector.kind}; give a detector in its place`);
    }
    this.detector = detector;
    this.sampling = sampling;
  }

  /**
   * What stands out in the photo; the detector runs once for each photo.
   * @returns {Promise<Finding>}
   * @throws {ImageError} no photo is set
   * @throws {ArtifactError} the detector answers NaN or infinity
   */
  async finding() {
    return this.#findingOn(this.currentPhoto());
  }

  /** @param {SetPhoto} photo */
  #findingOn(photo) {
    let finding = this.#findings.get(photo);
    if (!finding) {
      finding = this.#detect(photo);
      this.#findings.set(photo, finding);
      finding.catch(() => this.#findings.delete(photo)); // so that the next call tries again
    }
    return finding;
  }

  /** @param {SetPhoto} photo */
  async #detect({ pixels }) {
    const { width, height } = pixels;
    const letterbox = new Letterbox(width, height, this.detector.inputSize);
    const image = this.timed("detector: prepare", () =>
      letterbox.apply(pixels, wholeView(width, height)),
    );
    const started = performance.now();
    const { saliency_logits: logits } = await this.detector.run({ image });
    this.onStage?.("detector: network", performance.now() - started);
    if (!logits.every(Number.isFinite)) {
      throw new ArtifactError("the detector answers NaN or infinity; use other weights or precision");
    }
    return this.timed("detector: clicks", () => new Finding(logits, letterbox, this.sampling));
  }

  /**
   * What the prompts mean; without any, the most prominent object.
   * @param {Question} [question]
   * @returns {Promise<MaskAnswer>}
   * @throws {NoSalientObjectError} nothing is asked, and nothing stands out in the photo
   */
  async answer(question = {}) {
    const photo = this.currentPhoto();
    const { pointCoords, pointLabels, box, maskInput } = question;
    if (pointCoords || pointLabels || box || maskInput) return this.answerOn(photo, question);
    const finding = await this.#findingOn(photo);
    if (!finding.salient) {
      throw new NoSalientObjectError(
        "nothing in this photo stands out; click on what you mean, or draw a box",
      );
    }
    return this.answerOn(photo, {
      ...question,
      pointCoords: finding.coords,
      pointLabels: finding.labels,
      maskInput: finding.maskInput(photo.letterbox),
    });
  }

  /**
   * Correct the automatic mask: its own clicks, then yours, and the mask so far.
   * @param {Question & {returnLogits?: boolean}} correction all clicks of the user so far; one mask
   *   where `multimaskOutput` is not said; there is no box
   * @returns {Promise<Prediction>}
   */
  async edit(correction) {
    return asPrediction(await this.editAnswer(correction), correction.returnLogits);
  }

  /**
   * As `edit`, before the masks are brought to the size of the photo.
   * @param {Question} correction
   * @returns {Promise<MaskAnswer>}
   */
  async editAnswer({ pointCoords, pointLabels, maskInput, multimaskOutput = false }) {
    const photo = this.currentPhoto();
    const finding = await this.#findingOn(photo);
    return this.answerOn(photo, {
      pointCoords: [...finding.coords, ...(pointCoords ?? [])],
      pointLabels: [...finding.labels, ...(pointLabels ?? [])],
      maskInput,
      multimaskOutput,
    });
  }
}
