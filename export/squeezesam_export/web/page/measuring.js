/**
 * Timing one artifact as `squeezesam bench run --on web` asks for it. Fields of jobs and measurements
 * are those of `squeezesam_benchmarks`, in snake case.
 */

import { ArtifactError, OnnxNetwork, SamPredictor } from "../module/index.js";

/** @typedef {import("../module/manifest.js").NetworkRecord} NetworkRecord */

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
 * One click on the middle of a photo, from its pixels to a mask of its size.
 * @param {OnnxNetwork} network
 * @param {{data: Uint8Array, width: number, height: number}} photo
 */
async function oneClick(network, photo) {
  let [busy, ended] = [0, 0];
  const { kind, inputSize } = network;
  const run = async (/** @type {Record<string, Float32Array>} */ inputs) => {
    const started = performance.now();
    const answer = await network.run(inputs);
    ended = performance.now();
    busy += ended - started;
    return answer;
  };
  const started = performance.now();
  const predictor = new SamPredictor({ kind, inputSize, run });
  predictor.setImage(photo);
  const pointCoords = [[photo.width / 2, photo.height / 2]];
  await predictor.predict({ pointCoords, pointLabels: [1], multimaskOutput: false });
  return {
    preprocess_ms: ended - started - busy,
    model_ms: busy,
    postprocess_ms: performance.now() - ended,
  };
}

/**
 * @param {Job} job
 * @param {import("../module/manifest.js").Bundle} bundle
 * @param {any} ort ONNX Runtime with the threads of the job
 */
export async function measured({ file, backend, threads, protocol }, bundle, ort) {
  const records = bundle.detector ? [...bundle.segmenters, bundle.detector] : bundle.segmenters;
  const record = records.find(({ artifacts }) => artifacts.some((one) => one.file === file));
  const artifact = record?.artifacts.find((one) => one.file === file);
  if (!record || !artifact) throw new ArtifactError(`the page cannot run ${file}`);
  const bytes = await bundle.artifactBytes(artifact);
  const started = performance.now();
  const network = await OnnxNetwork.load(ort, bytes, record, { executionProviders: [backend] });
  const load = performance.now() - started;
  const inputs = Object.fromEntries(
    record.inputs.map(({ name, shape }) => [name, noise(shape.reduce((a, b) => a * b, 1))]),
  );
  const infer = () => network.run(inputs);
  const first = await elapsed(infer);
  for (let i = 0; i < protocol.warm_up_inferences; i++) await infer();
  const warm = await samples(infer, protocol.timed_inferences, protocol.time_budget_s);
  const pipeline = [];
  if (record.kind !== "detector" && protocol.pipeline_runs) {
    const [width, height] = [protocol.photo_width_px, protocol.photo_height_px];
    const data = Uint8Array.from({ length: 3 * width * height }, () => 256 * Math.random());
    const photo = { data, width, height };
    await oneClick(network, photo);
    for (let i = 0; i < protocol.pipeline_runs; i++) pipeline.push(await oneClick(network, photo));
  }
  return {
    runtime: "onnxruntime-web",
    runtime_version: String(ort.env.versions?.web ?? ort.env.versions?.common ?? "") || null,
    backend,
    threads,
    pinned_cores: null,
    load_ms: load,
    first_inference_ms: first,
    warm_samples_ms: warm,
    pipeline_samples: pipeline,
    sustained_samples_ms: await samples(infer, 0, protocol.sustained_s),
    peak_memory_bytes: null,
    memory_kind: null,
  };
}
