/**
 * Inference beside the page, so that the page never freezes: it holds the networks, the photo and the
 * answers, and sends back what is to be drawn. A message is `{id, method, argument}`, its answer
 * `{id, result}` or `{id, error}`; methods are those of `WorkerApi`.
 */

import {
  ArtifactError,
  ConfigError,
  MaskAnswer,
  OnnxNetwork,
  readBundle,
  SaliencyPredictor,
  SamPredictor,
} from "../module/index.js";
import { photoAlpha } from "../module/upsampling.js";
import { measured } from "./measuring.js";
import { canvasContext, decoded, pixelsOf } from "./photo.js";

const SITE = new URL("../", import.meta.url);
const RUNTIME = new URL("runtime/", SITE);
const LONGEST_DISPLAYED = 1600;

/** @typedef {"wasm" | "webgpu"} Backend */
/** @typedef {{x: number, y: number, label: number}} Click */
/** @typedef {{stage: string, ms: number}[]} Timings */

/**
 * What is asked: the most prominent object, a correction of it, or prompts alone.
 * @typedef {object} Question
 * @property {"automatic" | "edit" | "prompt"} method
 * @property {Click[]} clicks
 * @property {number[] | null} box
 * @property {number | null} previous number of the answer so far
 */

/**
 * What the page draws of an answer.
 * @typedef {object} Drawn
 * @property {number} number of the answer
 * @property {number} iou as the network predicts it
 * @property {import("../module/letterbox.js").View} view
 * @property {Float32Array} logits of the view, row by row
 * @property {number} columns of the logits
 * @property {Uint8ClampedArray} alpha of the view, row by row
 * @property {number} width of the alphas
 * @property {number} height of the alphas
 * @property {Timings} timings
 */

/**
 * A model of the site, with the precisions that it has and the bytes that each one downloads.
 * @typedef {{model: string, precisions: {precision: string, bytes: number}[]}} ModelDescription
 */

/** @param {string} name below the folder of the bundles */
async function bundleFile(name) {
  const response = await fetch(new URL(`bundle/${name}`, SITE));
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response;
}

/** @returns {Promise<string[]>} names of the models, which are those of their folders */
async function modelNames() {
  const response = await bundleFile("index.json").catch((error) => {
    throw new ArtifactError(`bundle/index.json cannot be read (${error.message}); copy it anew`);
  });
  return response.json();
}

/**
 * @param {Backend} backend
 * @param {number} threads of WebAssembly
 * @throws {ConfigError} the browser has no such backend
 */
async function loadRuntime(backend, threads) {
  if (backend === "webgpu") await checkWebGpu();
  const script = backend === "webgpu" ? "ort.webgpu.min.mjs" : "ort.wasm.min.mjs";
  const ort = await import(new URL(script, RUNTIME).href);
  ort.env.wasm.wasmPaths = RUNTIME.href;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  return ort;
}

class WorkerApi {
  /** By the names of models. @type {Map<string, Promise<import("../module/manifest.js").Bundle>>} */
  #bundles = new Map();
  /** @type {OnnxNetwork[]} */
  #networks = [];
  /** @type {SamPredictor | null} */
  #predictor = null;
  /** @type {ImageData | null} */
  #pixels = null;
  /** @type {Map<number, MaskAnswer>} */
  #answers = new Map();
  #count = 0;
  /** @type {Timings} */
  #timings = [];

  /** @returns {Promise<ModelDescription[]>} */
  async describe() {
    const described = async (/** @type {string} */ model) => {
      const bundle = await this.#bundle(model);
      const precisions = bundle.precisions.map((precision) => ({
        precision,
        bytes: bundle.sizeBytes(precision),
      }));
      return { model, precisions };
    };
    return Promise.all((await modelNames()).map(described));
  }

  /**
   * Load the networks; the photo and its answers stay.
   * @param {{model: string, precision: string, backend: Backend, threads: number}} options
   * @returns {Promise<{milliseconds: number, automatic: boolean}>}
   */
  async open({ model, precision, backend, threads }) {
    const started = performance.now();
    const bundle = await this.#bundle(model);
    const ort = await loadRuntime(backend, threads);
    const load = (
      /** @type {import("../module/manifest.js").NetworkRecord} */ record,
      /** @type {Uint8Array} */ bytes,
    ) => OnnxNetwork.load(ort, bytes, record, { executionProviders: [backend] });
    const networks = [await bundle.loadSegmenter(precision, load)];
    if (bundle.detector) {
      const artifact = bundle.artifact(bundle.detector, precision);
      networks.push(await load(bundle.detector, await bundle.artifactBytes(artifact)));
    }
    const old = this.#networks;
    this.#networks = networks;
    const onStage = (/** @type {string} */ stage, /** @type {number} */ ms) => {
      this.#timings.push({ stage, ms });
    };
    const [segmenter, detector] = networks;
    this.#predictor = detector
      ? new SaliencyPredictor(segmenter, detector, { onStage })
      : new SamPredictor(segmenter, { onStage });
    if (this.#pixels) this.#predictor.setImage(this.#pixels);
    for (const network of old) await network.release();
    return { milliseconds: performance.now() - started, automatic: networks.length > 1 };
  }

  /**
   * Take a photo; older answers are forgotten.
   * @param {Blob} file
   * @returns {Promise<{width: number, height: number, shown: ImageBitmap, timings: Timings}>}
   */
  async photo(file) {
    this.#timings = [];
    const bitmap = await this.#timed("decode", () => decoded(file));
    const { width, height } = bitmap;
    this.#pixels = await this.#timed("read pixels", async () => pixelsOf(bitmap));
    const scale = Math.min(1, LONGEST_DISPLAYED / Math.max(width, height));
    const shown = await this.#timed("preview", () =>
      createImageBitmap(bitmap, {
        resizeWidth: Math.max(1, Math.round(width * scale)),
        resizeHeight: Math.max(1, Math.round(height * scale)),
        resizeQuality: "high",
      }),
    );
    bitmap.close();
    this.#answers.clear();
    this.#ready().setImage(this.#pixels);
    return { width, height, shown, timings: this.#timings };
  }

  /**
   * @param {Question} question
   * @returns {Promise<Drawn>}
   */
  async ask({ method, clicks, box, previous }) {
    this.#timings = [];
    const predictor = this.#ready();
    const earlier = previous === null ? null : this.#answer(previous);
    // A model of another input size cannot go on from it, and looks at the whole photo first.
    const fits = earlier?.photo.size === predictor.model.inputSize;
    const question = {
      pointCoords: clicks.map(({ x, y }) => [x, y]),
      pointLabels: clicks.map(({ label }) => label),
      box,
      maskInput: earlier && fits ? earlier.lowResMasks[0] : null,
      multimaskOutput: false,
    };
    /** @type {MaskAnswer} */
    let answer;
    if (method === "prompt") answer = await predictor.answer(question);
    else if (!(predictor instanceof SaliencyPredictor)) {
      throw new ConfigError("this bundle has no salient-object detector; click on what you mean");
    } else if (method === "automatic") answer = await predictor.answer({ multimaskOutput: false });
    else answer = await predictor.editAnswer(question);
    const number = this.#count++;
    this.#answers.set(number, answer);
    return this.#drawn(number, answer);
  }

  /**
   * @param {number} number
   * @param {MaskAnswer} answer
   * @returns {Promise<Drawn>}
   */
  async #drawn(number, answer) {
    const { view, letterbox, photo } = answer;
    const [logits] = answer.logits;
    const scale = Math.min(1, LONGEST_DISPLAYED / Math.max(photo.width, photo.height));
    const [width, height] = [view.width, view.height].map((side) =>
      Math.max(1, Math.round(side * scale)),
    );
    const alpha = await this.#timed("upsample", async () =>
      photoAlpha(logits, letterbox, width, height),
    );
    return {
      number,
      iou: answer.iouPredictions[0],
      view,
      logits: letterbox.cropped(logits),
      columns: letterbox.maskSize[0],
      alpha,
      width,
      height,
      timings: this.#timings,
    };
  }

  /**
   * A PNG at the size of the photo: the soft cut-out, or the mask in black and white.
   * @param {{number: number, kind: "cutout" | "mask"}} wanted
   * @returns {Promise<Blob>}
   */
  async picture({ number, kind }) {
    const answer = this.#answer(number);
    const { width, height } = answer.photo;
    const pixels = /** @type {ImageData} */ (this.#pixels);
    const picture = new ImageData(width, height);
    const { data } = picture;
    if (kind === "cutout") {
      const [alpha] = answer.photoAlphas();
      data.set(pixels.data);
      for (let i = 0; i < alpha.length; i++) data[4 * i + 3] = alpha[i];
    } else {
      const [mask] = answer.photoMasks();
      for (let i = 0; i < mask.length; i++) {
        const at = 4 * i;
        data[at] = data[at + 1] = data[at + 2] = 255 * mask[i];
        data[at + 3] = 255;
      }
    }
    const context = canvasContext(width, height);
    context.putImageData(picture, 0, 0);
    return context.canvas.convertToBlob({ type: "image/png" });
  }

  /**
   * Time one artifact in this worker, which must be fresh.
   * @param {import("./measuring.js").Job} job
   */
  async measure(job) {
    const [model] = await modelNames();
    const bundle = await this.#bundle(model);
    return measured(job, bundle, await loadRuntime(job.backend, job.threads));
  }

  /** @param {string} model */
  #bundle(model) {
    let bundle = this.#bundles.get(model);
    if (!bundle) {
      bundle = readBundle(async (name) => {
        const response = await bundleFile(`${encodeURIComponent(model)}/${name}`);
        return new Uint8Array(await response.arrayBuffer());
      });
      this.#bundles.set(model, bundle);
      bundle.catch(() => this.#bundles.delete(model)); // so that the next call tries again
    }
    return bundle;
  }

  #ready() {
    if (!this.#predictor) throw new ConfigError("the networks are not loaded; reload the page");
    return this.#predictor;
  }

  /** @param {number} number */
  #answer(number) {
    const answer = this.#answers.get(number);
    if (!answer) throw new ConfigError("this mask belongs to another photo; start anew");
    return answer;
  }

  /**
   * @template Result
   * @param {string} stage
   * @param {() => Promise<Result>} work
   */
  async #timed(stage, work) {
    const started = performance.now();
    const result = await work();
    this.#timings.push({ stage, ms: performance.now() - started });
    return result;
  }
}

/** @throws {ConfigError} the browser has no WebGPU */
async function checkWebGpu() {
  const { gpu } = /** @type {{gpu?: {requestAdapter: () => Promise<unknown>}}} */ (
    /** @type {unknown} */ (navigator)
  );
  if (!(await gpu?.requestAdapter().catch(() => null))) {
    throw new ConfigError("this browser offers no WebGPU");
  }
}

const api = new WorkerApi();
const METHODS = Object.freeze({
  describe: () => api.describe(),
  open: (/** @type {any} */ options) => api.open(options),
  photo: (/** @type {any} */ file) => api.photo(file),
  ask: (/** @type {any} */ question) => api.ask(question),
  picture: (/** @type {any} */ wanted) => api.picture(wanted),
  measure: (/** @type {any} */ job) => api.measure(job),
});

self.addEventListener("message", async ({ data: { id, method, argument } }) => {
  try {
    const result = await METHODS[/** @type {keyof typeof METHODS} */ (method)](argument);
    self.postMessage({ id, result });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    self.postMessage({ id, error: { name, message } });
  }
});
