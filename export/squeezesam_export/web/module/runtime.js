/**
 * Networks that ONNX Runtime runs: `onnxruntime-web` in browsers and node, or `onnxruntime-node`.
 *
 * The runtime itself is handed in, so that this module depends on no package. Anything else with the
 * `Network` interface of `predictor.js` serves as well.
 */

import { ArtifactError } from "./errors.js";
import { OPEN_AXES } from "./spec.js";

/**
 * The part of ONNX Runtime that is used.
 * @typedef {object} OnnxRuntime
 * @property {{create: (bytes: Uint8Array, options?: object) => Promise<Session>}} InferenceSession
 * @property {new (type: "float32", values: Float32Array, shape: number[]) => object} Tensor
 *
 * @typedef {object} Session
 * @property {readonly string[]} inputNames
 * @property {readonly string[]} outputNames
 * @property {(feeds: Record<string, any>) => Promise<Record<string, any>>} run
 * @property {() => Promise<void>} release
 */

/** @typedef {import("./manifest.js").NetworkRecord} NetworkRecord */
/** @typedef {import("./predictor.js").Network} Network */

/**
 * An ONNX artifact, loaded.
 * @implements {Network}
 */
export class OnnxNetwork {
  #last = Promise.resolve();

  /**
   * Use `OnnxNetwork.load`.
   * @param {OnnxRuntime} ort
   * @param {Session} session
   * @param {NetworkRecord} record
   */
  constructor(ort, session, record) {
    this.ort = ort;
    this.session = session;
    this.record = record;
    this.kind = record.kind;
    this.inputSize = record.inputSize;
  }

  /**
   * Load an artifact whose hash was checked (`Bundle.artifactBytes`).
   * @param {OnnxRuntime} ort
   * @param {Uint8Array} bytes of the artifact
   * @param {NetworkRecord} record of its network, from the manifest
   * @param {object} [options] of the session, such as `executionProviders`
   * @throws {ArtifactError} the runtime does not take it, or it has other inputs or outputs
   */
  static async load(ort, bytes, record, options = {}) {
    /** @type {Session} */
    let session;
    try {
      session = await ort.InferenceSession.create(bytes, options);
    } catch (error) {
      throw new ArtifactError(
        `the runtime cannot load the ${record.kind} (${reason(error)}); ` +
          "choose another precision or backend",
      );
    }
    const wanted = [...record.inputs, ...record.outputs].map(({ name }) => name).join(", ");
    const found = [...session.inputNames, ...session.outputNames].join(", ");
    if (found !== wanted) {
      throw new ArtifactError(
        `the ${record.kind} has the tensors ${found} instead of ${wanted}; export again`,
      );
    }
    return new OnnxNetwork(ort, session, record);
  }

  /**
   * Run the network. A session answers one question after the other, so that calls wait in a row.
   * @param {Record<string, Float32Array>} inputs values by the names of tensors
   * @returns {Promise<Record<string, Float32Array>>}
   * @throws {ArtifactError} the runtime fails
   */
  run(inputs) {
    const answer = this.#last.then(() => this.#run(inputs));
    this.#last = answer.then(() => {}, () => {});
    return answer;
  }

  /** @param {Record<string, Float32Array>} inputs */
  async #run(inputs) {
    /** @type {Record<string, object>} */
    const feeds = {};
    for (const { name, shape } of this.record.inputs) {
      const values = inputs[name];
      feeds[name] = new this.ort.Tensor("float32", values, shapeOf(name, shape, values));
    }
    try {
      const results = await this.session.run(feeds);
      return Object.fromEntries(
        this.record.outputs.map(({ name }) => [name, results[name].data]),
      );
    } catch (error) {
      throw new ArtifactError(
        `the runtime cannot run the ${this.kind} (${reason(error)}); ` +
          "choose another precision or backend",
      );
    }
  }

  /** Free the memory of the session. */
  async release() {
    await this.#last;
    await this.session.release();
  }
}

/**
 * The shape of an input, in which an open axis has the length that its values give it.
 * @param {string} name
 * @param {number[]} usual
 * @param {Float32Array} values
 */
function shapeOf(name, usual, values) {
  const open = /** @type {Record<string, number>} */ (OPEN_AXES)[name];
  if (open === undefined) return usual;
  const others = usual.reduce((product, side, axis) => (axis === open ? product : product * side), 1);
  return usual.map((side, axis) => (axis === open ? values.length / others : side));
}

/**
 * The first line of what a library says.
 * @param {unknown} error
 */
function reason(error) {
  return String(error instanceof Error ? error.message : error).split("\n")[0].slice(0, 300);
}
