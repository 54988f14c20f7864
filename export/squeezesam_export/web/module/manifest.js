/**
 * What `squeezesam export` writes beside its artifacts. All that this module knows of the form of
 * `manifest.json` is in this file; the rest works with `Bundle`.
 */

import { ArtifactError } from "./errors.js";
import { ENCODINGS } from "./prompts.js";
import * as spec from "./spec.js";

/** The version of `manifest.json` that this module reads; see `export/squeezesam_export/bundle/manifest.py`. */
export const SCHEMA_VERSION = 8;

const MAX_INPUT_SIZE = 2048;
const TARGET = "onnx";

/**
 * A tensor of a network.
 * @typedef {{name: string, shape: number[]}} TensorSpec
 *
 * An exported file.
 * @typedef {object} ArtifactRecord
 * @property {string} file relative to the manifest
 * @property {string} precision name of its scheme
 * @property {string} sha256 of the file, in hexadecimal
 * @property {number} sizeBytes
 *
 * How a segmenter takes its prompts: as points that it draws itself, or drawn.
 * @typedef {"segmenter-points" | "segmenter"} SegmenterKind
 * @typedef {SegmenterKind | "detector"} NetworkKind
 *
 * How far the answers of artifacts may be from PyTorch's on the golden cases.
 * @typedef {object} Bounds
 * @property {number} minMaskIou of mask 0 of every case
 * @property {number} meanMaskIou of all cases and masks
 * @property {number} maxIouError by how much a predicted IoU may be off
 * @property {number} maxClickDistance by how many pixels of the heat map a click may be off
 *
 * A network of the bundle and its ONNX artifacts.
 * @typedef {object} NetworkRecord
 * @property {NetworkKind} kind
 * @property {number} inputSize side of its square image input in pixels
 * @property {TensorSpec[]} inputs
 * @property {TensorSpec[]} outputs
 * @property {ArtifactRecord[]} artifacts at least one
 */

/**
 * Gives the bytes of a file of the bundle by its name relative to the manifest.
 * @typedef {(name: string) => Promise<Uint8Array>} ReadFile
 */

/** A checked manifest and the files beside it. */
export class Bundle {
  /**
   * Use `readBundle`.
   * @param {ReadFile} readFile
   * @param {NetworkRecord[]} segmenters at least one; any of them serves, the first one best
   * @param {NetworkRecord | null} detector null where the bundle has none
   * @param {Record<string, Bounds>} bounds by the name of the precision
   */
  constructor(readFile, segmenters, detector, bounds) {
    this.readFile = readFile;
    this.segmenters = segmenters;
    this.detector = detector;
    this.bounds = bounds;
  }

  /** The segmenter that serves best: one that takes points, where the bundle has it. */
  get segmenter() {
    return this.segmenters[0];
  }

  /** The precisions that a segmenter and, where there is one, the detector have. */
  get precisions() {
    const known = this.segmenters.flatMap(({ artifacts }) => artifacts.map(precisionOf));
    return [...new Set(known)].filter(
      (precision) => !this.detector || this.detector.artifacts.map(precisionOf).includes(precision),
    );
  }

  /**
   * The segmenters that have a precision, the best one first.
   * @param {string} precision
   * @returns {NetworkRecord[]} at least one
   * @throws {ArtifactError} there is none
   */
  segmentersIn(precision) {
    const found = this.segmenters.filter(({ artifacts }) =>
      artifacts.map(precisionOf).includes(precision),
    );
    if (!found.length) this.artifact(this.segmenter, precision);
    return found;
  }

  /**
   * The bytes of the files that work together in a precision.
   * @param {string} precision
   */
  sizeBytes(precision) {
    const [best] = this.segmentersIn(precision);
    const networks = this.detector ? [best, this.detector] : [best];
    return networks
      .map((network) => this.artifact(network, precision).sizeBytes)
      .reduce((sum, size) => sum + size, 0);
  }

  /**
   * Load the best segmenter that the runtime takes.
   * @template Loaded
   * @param {string} precision
   * @param {(record: NetworkRecord, bytes: Uint8Array) => Promise<Loaded>} load
   * @returns {Promise<Loaded>}
   * @throws {ArtifactError} a file is missing or was altered, or the runtime takes none
   */
  async loadSegmenter(precision, load) {
    const records = this.segmentersIn(precision);
    const last = records.length - 1;
    for (const record of records.slice(0, last)) {
      const bytes = await this.artifactBytes(this.artifact(record, precision));
      try {
        return await load(record, bytes);
      } catch (error) {
        if (!(error instanceof ArtifactError)) throw error;
      }
    }
    return load(records[last], await this.artifactBytes(this.artifact(records[last], precision)));
  }

  /**
   * The artifact of a network in a precision.
   * @param {NetworkRecord} network
   * @param {string} precision
   * @returns {ArtifactRecord}
   * @throws {ArtifactError} there is none
   */
  artifact(network, precision) {
    const found = network.artifacts.find((one) => one.precision === precision);
    if (!found) {
      const known = network.artifacts.map(precisionOf).join(", ");
      throw new ArtifactError(`the ${network.kind} has no precision ${precision}; use ${known}`);
    }
    return found;
  }

  /**
   * The bytes of an artifact, once they have proved to be those that were exported.
   * @param {ArtifactRecord} artifact
   * @returns {Promise<Uint8Array>}
   * @throws {ArtifactError} the file is missing or was altered
   */
  async artifactBytes(artifact) {
    const bytes = await readOrThrow(this.readFile, artifact.file);
    const digest = await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (bytes));
    const found = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
    if (found.join("") !== artifact.sha256) {
      throw new ArtifactError(`${artifact.file} was altered since its export; export again`);
    }
    return bytes;
  }
}

/** @param {ArtifactRecord} artifact */
const precisionOf = (artifact) => artifact.precision;

/**
 * Read and check the manifest of a bundle.
 * @param {ReadFile} readFile
 * @returns {Promise<Bundle>}
 * @throws {ArtifactError} it is missing, damaged, of another schema version or of another contract
 *   than this module follows, or there is no ONNX artifact
 */
export async function readBundle(readFile) {
  const text = new TextDecoder().decode(await readOrThrow(readFile, "manifest.json"));
  /** @type {any} */
  let content;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new ArtifactError(`manifest.json is damaged (${String(error)}); export again`);
  }
  const version = content?.schema_version;
  if (version !== SCHEMA_VERSION) {
    throw new ArtifactError(
      `manifest.json has schema version ${JSON.stringify(version)}, this module reads ` +
        `${SCHEMA_VERSION}; use the squeezesam that wrote it or export again`,
    );
  }
  try {
    checkContract(content.contract);
    const kinds = /** @type {SegmenterKind[]} */ (Object.keys(ENCODINGS));
    const segmenters = kinds
      .map((kind) => networkRecord(kind, content.networks))
      .filter((record) => record !== null);
    if (!segmenters.length) {
      throw new ArtifactError("the bundle has no segmenter; export again with one");
    }
    const detector = networkRecord("detector", content.networks);
    return new Bundle(readFile, segmenters, detector, boundsOf(content.bounds));
  } catch (error) {
    if (error instanceof ArtifactError) throw error;
    throw new ArtifactError(`manifest.json is damaged (${String(error)}); export again`);
  }
}

/**
 * @param {ReadFile} readFile
 * @param {string} name
 */
async function readOrThrow(readFile, name) {
  try {
    return await readFile(name);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ArtifactError(`${name} cannot be read (${reason}); export again or copy it anew`);
  }
}

/**
 * @param {any} bounds by the name of the precision
 * @returns {Record<string, Bounds>}
 */
function boundsOf(bounds) {
  const known = Object.entries(bounds).map(([precision, one]) => {
    const found = {
      minMaskIou: one.min_mask_iou,
      meanMaskIou: one.mean_mask_iou,
      maxIouError: one.max_iou_error,
      maxClickDistance: one.max_click_distance,
    };
    if (!Object.values(found).every(Number.isFinite)) {
      throw new ArtifactError(`manifest.json lacks bounds of ${precision}; export again`);
    }
    return [precision, found];
  });
  return Object.fromEntries(known);
}

/**
 * @param {NetworkKind} kind
 * @param {any[]} networks of the bundle; those of other kinds do not matter here
 * @returns {NetworkRecord | null} null where there is none of this kind
 */
function networkRecord(kind, networks) {
  const network = networks.find((one) => one.kind === kind);
  if (!network) return null;
  const { input_size: size, preprocessing, rules } = network;
  if (!Number.isInteger(size) || size <= 0 || size > MAX_INPUT_SIZE) {
    throw new ArtifactError(`the ${kind} is for inputs of ${size} pixels; export again`);
  }
  checkPreprocessing(preprocessing);
  if (kind === "detector") checkSampling(rules);
  const artifacts = network.artifacts
    .filter((/** @type {any} */ one) => one.target === TARGET)
    .map((/** @type {any} */ { precision, graphs }) => {
      const { file, sha256, size_bytes: sizeBytes } = onlyOne(kind, graphs);
      if (typeof file !== "string" || file.includes("/") || !/^[0-9a-f]{64}$/.test(sha256)) {
        throw new ArtifactError(`the ${kind} lists the file ${JSON.stringify(file)}; export again`);
      }
      return { file, precision: String(precision), sha256, sizeBytes };
    });
  if (!artifacts.length) {
    throw new ArtifactError(`the bundle has no ONNX file of the ${kind}; export with --target onnx`);
  }
  const tensors = (/** @type {any[]} */ list) => list.map(({ name, shape }) => ({ name, shape }));
  const graph = onlyOne(kind, network.graphs);
  const inputs = tensors(graph.inputs);
  const outputs = tensors(graph.outputs);
  return { kind, inputSize: size, inputs, outputs, artifacts };
}

/**
 * @param {string} kind
 * @param {any[]} graphs
 */
function onlyOne(kind, graphs) {
  if (graphs.length !== 1) {
    throw new ArtifactError(
      `the ${kind} has ${graphs.length} graphs, this module runs networks of one; export again`,
    );
  }
  return graphs[0];
}

/** @param {any} preprocessing of a network */
function checkPreprocessing({ pad_byte: pad, pixel_mean: mean, pixel_scale: scale }) {
  checkNumbers([
    [pad, spec.PAD_BYTE],
    [mean, spec.PIXEL_MEAN],
    [scale, spec.PIXEL_SCALE],
  ]);
}

/** @param {any} contract of prompts and masks */
function checkContract(contract) {
  const { prompt_encoding: prompts, mask_cleaning: cleaning, looking } = contract;
  checkNumbers([
    [prompts.map_stride, spec.MAP_STRIDE],
    [prompts.disc_radius, spec.DISC_RADIUS],
    [prompts.point_slots, spec.POINT_SLOTS],
    [prompts.box_slots, spec.BOX_SLOTS],
    [prompts.position_frequencies, spec.POSITION_FREQUENCIES],
    [prompts.map_channels.join(), Object.keys(spec.MapChannel).join().toLowerCase()],
    ...Object.entries(spec.PointLabel).map(
      ([name, code]) => [prompts.point_labels[name.toLowerCase()], code],
    ),
    [contract.mask_threshold, spec.MASK_THRESHOLD],
    [cleaning.numbers.speck_area, spec.DEFAULT_CLEANING.speck_area],
    [cleaning.numbers.pinhole_area, spec.DEFAULT_CLEANING.pinhole_area],
    [cleaning.flipped_logit, spec.FLIPPED_LOGIT],
    [looking.numbers.surroundings, spec.DEFAULT_LOOKING.surroundings],
    [looking.numbers.smallest, spec.DEFAULT_LOOKING.smallest],
    [looking.outside_logit, spec.OUTSIDE_LOGIT],
    [contract.edge_sharpness, spec.EDGE_SHARPNESS],
  ]);
}

/** @param {any} rules of the detector */
function checkSampling({ heat_map: heat, click_sampling: sampling }) {
  checkNumbers([
    [heat.stride, spec.SALIENCY_STRIDE],
    [heat.levels, spec.HEAT_LEVELS],
    ...Object.entries(spec.DEFAULT_SAMPLING).map(([name, value]) => [sampling[name], value]),
  ]);
}

/** @param {unknown[][]} pairs of what the manifest says and what this module does */
function checkNumbers(pairs) {
  for (const [found, wanted] of pairs) {
    if (found !== wanted) {
      throw new ArtifactError(
        `manifest.json has ${JSON.stringify(found)} where this module has ` +
          `${JSON.stringify(wanted)}; use the squeezesam that wrote it or export again`,
      );
    }
  }
}
