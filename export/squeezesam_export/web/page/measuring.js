/**
 * Timing one artifact as `squeezesam bench run --on web` asks for it. Fields of jobs and measurements
 * are those of `squeezesam_benchmarks`, in snake case.
 */

import { ArtifactError, OnnxNetwork, SaliencyPredictor, SamPredictor } from "../module/index.js";
import { decoded, pixelsOf } from "./photo.js";

const SITE = new URL("../", import.meta.url);

/** @typedef {import("../module/manifest.js").Bundle} Bundle */
/** @typedef {import("../module/predictor.js").Network} Network */

/**
 * @typedef {object} Protocol
 * @property {number} warm_up_inferences
 * @property {number} timed_inferences
 * @property {number} time_budget_s
 * @property {number} pipeline_runs
 * @property {number} photo_width_px
 * @property {number} photo_height_px
 * @property {number} sustained_s
 *
 * @typedef {object} Job
 * @property {string} file name of the artifact
 * @property {"wasm" | "webgpu"} backend
 * @property {number} threads
 * @property {Protocol} protocol
 * @property {{detector: string, photo: string} | null} salient the detector's artifact and the
 *   address of a photo, where automatic masks are timed
 */

/**
 * @param {() => Promise<unknown>} work
 * @returns {Promise<number>} milliseconds
 */
async function elapsed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/**
 * @param {() => Promise<unknown>} work
 * @param {number} least number of samples
 * @param {number} seconds to go on for
 */
async function samples(work, least, seconds) {
  const [found, deadline] = [/** @type {number[]} */ ([]), performance.now() + 1000 * seconds];
  while (found.length < least || performance.now() < deadline) found.push(await elapsed(work));
  return found;
}

/** @param {number} length */
const noise = (length) => Float32Array.from({ length }, () => 2 * Math.random() - 1);

/**
 * A network that notes how long all its inferences took, and when the last one ended.
 * @implements {Network}
 */
class TimedNetwork {
  busy = 0;
  ended = 0;

  /** @param {Network} network */
  constructor(network) {
    this.network = network;
    this.kind = network.kind;
    this.inputSize = network.inputSize;
  }

  /** @param {Record<string, Float32Array>} inputs */
  async run(inputs) {
    const started = performance.now();
    const answer = await this.network.run(inputs);
    this.ended = performance.now();
    this.busy += this.ended - started;
    return answer;
  }
}

/**
 * One click on the middle of a photo, from its pixels to a mask of its size.
 * @param {Network} network
 * @param {{data: Uint8Array, width: number, height: number}} photo
 */
async function oneClick(network, photo) {
  const segmenter = new TimedNetwork(network);
  const started = performance.now();
  const predictor = new SamPredictor(segmenter);
  predictor.setImage(photo);
  const pointCoords = [[photo.width / 2, photo.height / 2]];
  await predictor.predict({ pointCoords, pointLabels: [1], multimaskOutput: false });
  return {
    preprocess_ms: segmenter.ended - started - segmenter.busy,
    model_ms: segmenter.busy,
    postprocess_ms: performance.now() - segmenter.ended,
  };
}

/**
 * The automatic mask of a photo, from its file to a mask of its size, and then a click on its middle.
 * @param {Network} network
 * @param {Network} finder
 * @param {Blob} file
 * @param {() => Promise<unknown>} infer the segmenter alone
 */
async function automaticMask(network, finder, file, infer) {
  const [segmenter, detector] = [new TimedNetwork(network), new TimedNetwork(finder)];
  const predictor = new SaliencyPredictor(segmenter, detector);
  const started = performance.now();
  const bitmap = await decoded(file);
  const pixels = pixelsOf(bitmap);
  bitmap.close();
  const read = performance.now();
  predictor.setImage(pixels);
  const { lowResMasks } = await predictor.predict({ multimaskOutput: false });
  const ended = performance.now();
  const sample = {
    decode_ms: read - started,
    preprocess_ms: detector.ended - read - detector.busy,
    detector_ms: detector.busy,
    clicks_ms: segmenter.ended - detector.ended - segmenter.busy,
    model_ms: segmenter.busy,
    postprocess_ms: ended - segmenter.ended,
  };
  await infer(); // out of the caches went what it needs
  const alone = await elapsed(infer);
  const pointCoords = [[pixels.width / 2, pixels.height / 2]];
  const click = { pointCoords, pointLabels: [1], maskInput: lowResMasks[0] };
  return {
    ...sample,
    model_alone_ms: alone,
    later_click_ms: await elapsed(() => predictor.edit(click)),
  };
}

/**
 * Load an artifact of a bundle by the name of its file.
 * @param {Bundle} bundle
 * @param {string} file
 * @param {(bytes: Uint8Array, record: import("../module/manifest.js").NetworkRecord) => Promise<OnnxNetwork>} load
 */
async function loaded(bundle, file, load) {
  const records = bundle.detector ? [...bundle.segmenters, bundle.detector] : bundle.segmenters;
  const record = records.find(({ artifacts }) => artifacts.some((one) => one.file === file));
  const artifact = record?.artifacts.find((one) => one.file === file);
  if (!record || !artifact) throw new ArtifactError(`the page cannot run ${file}`);
  const bytes = await bundle.artifactBytes(artifact);
  const started = performance.now();
  const network = await load(bytes, record);
  return { network, milliseconds: performance.now() - started };
}

/**
 * @param {Job} job
 * @param {import("../module/manifest.js").Bundle} bundle
 * @param {any} ort ONNX Runtime with the threads of the job
 */
export async function measured({ file, backend, threads, protocol, salient }, bundle, ort) {
  /** @type {Parameters<typeof loaded>[2]} */
  const load = (bytes, record) =>
    OnnxNetwork.load(ort, bytes, record, { executionProviders: [backend] });
  const { network, milliseconds } = await loaded(bundle, file, load);
  const inputs = Object.fromEntries(
    network.record.inputs.map(({ name, shape }) => [name, noise(shape.reduce((a, b) => a * b, 1))]),
  );
  const infer = () => network.run(inputs);
  const first = await elapsed(infer);
  for (let i = 0; i < protocol.warm_up_inferences; i++) await infer();
  const warm = await samples(infer, protocol.timed_inferences, protocol.time_budget_s);
  /** @type {(() => Promise<object>) | null} */
  let run = null;
  if (salient) {
    const detector = (await loaded(bundle, salient.detector, load)).network;
    const photo = await (await fetch(new URL(salient.photo, SITE))).blob();
    run = () => automaticMask(network, detector, photo, infer);
  } else if (network.kind !== "detector") {
    const [width, height] = [protocol.photo_width_px, protocol.photo_height_px];
    const data = Uint8Array.from({ length: 3 * width * height }, () => 256 * Math.random());
    run = () => oneClick(network, { data, width, height });
  }
  const pipeline = [];
  if (run && protocol.pipeline_runs) {
    await run();
    for (let i = 0; i < protocol.pipeline_runs; i++) pipeline.push(await run());
  }
  return {
    runtime: "onnxruntime-web",
    runtime_version: String(ort.env.versions?.web ?? ort.env.versions?.common ?? "") || null,
    backend,
    threads,
    pinned_cores: null,
    load_ms: milliseconds,
    first_inference_ms: first,
    warm_samples_ms: warm,
    pipeline_samples: pipeline,
    sustained_samples_ms: await samples(infer, 0, protocol.sustained_s),
    peak_memory_bytes: null,
    memory_kind: null,
  };
}
