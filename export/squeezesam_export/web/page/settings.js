/** What answers: the pickers of model, precision and backend, and what runs when one of them fails. */

import { WorkerError } from "./client.js";
import { byId, say, sentence } from "./panel.js";

const MOST_THREADS = 4;
/** The first that a model has is picked unless the user picks; docs/web.md says why. */
const USUAL_PRECISIONS = { wasm: ["int8", "fp16"], webgpu: ["fp32", "fp16"] };

/** @typedef {import("./worker.js").ModelDescription} ModelDescription */

/** @type {(id: string) => HTMLSelectElement} */
const picker = (id) => /** @type {any} */ (byId(id));

/** The settings of the page. Their pickers can be changed at any time; then call `reopen`. */
export class Settings {
  /** Whether the model finds the most prominent object without a click. */
  canFindAlone = true;
  /** Whether the user named a precision, which then stays with another backend. */
  #precisionChosen = false;
  /** @type {ModelDescription[]} */
  #models = [];
  /** What the networks that are loaded were picked with. @type {string[] | null} */
  #opened = null;

  /**
   * @param {import("./client.js").Client} client
   * @param {URLSearchParams} wanted `model`, `precision`, `backend` and `threads` to begin with
   */
  constructor(client, wanted) {
    this.client = client;
    this.wanted = wanted;
    this.model = picker("model");
    this.precision = picker("precision");
    this.backend = picker("backend");
    this.model.addEventListener("change", () => this.#listPrecisions(this.precision.value));
    this.precision.addEventListener("change", () => {
      this.#precisionChosen = true;
    });
    this.backend.addEventListener("change", () => this.#followBackend());
  }

  /** The pickers; a precision is one of a model. */
  get pickers() {
    return [this.model, this.precision, this.backend];
  }

  /** Fill the pickers, and load the networks that they name. */
  async start() {
    try {
      this.#models = await this.client.call("describe");
      this.model.replaceChildren(...this.#models.map(({ model }) => new Option(model)));
      byId("model-row").hidden = this.#models.length < 2;
      pick(this.model, this.wanted.get("model"));
      if (!("gpu" in navigator)) this.backend.options[1].disabled = true;
      else pick(this.backend, this.wanted.get("backend"));
      this.#listPrecisions(this.wanted.get("precision"));
      this.#precisionChosen = this.precision.value === this.wanted.get("precision");
      await this.withFallback(() => this.#open());
    } catch (error) {
      byId("running").textContent = sentence(error);
      throw error;
    }
  }

  /** Load what the pickers name now; if that fails, the pickers go back to what still runs. */
  async reopen() {
    const running = byId("running").textContent;
    byId("running").textContent = "loading …";
    try {
      await this.withFallback(() => this.#open());
    } catch (error) {
      byId("running").textContent = this.#opened ? running : sentence(error);
      if (this.#opened) {
        const [model, precision, backend] = this.#opened;
        this.model.value = model;
        this.#listPrecisions(precision);
        this.backend.value = backend;
      }
      throw error;
    }
  }

  /**
   * What the GPU fails at is done again by WebAssembly.
   * @template Result
   * @param {() => Promise<Result>} work
   */
  async withFallback(work) {
    try {
      return await work();
    } catch (error) {
      if (this.backend.value !== "webgpu" || !(error instanceof WorkerError)) throw error;
      if (error.kind !== "ArtifactError" && error.kind !== "ConfigError") throw error;
      say(`WebGPU did not work: ${error.message}. WebAssembly took over.`, "error");
      this.backend.value = "wasm";
      this.#followBackend();
      await this.#open();
      return work();
    }
  }

  async #open() {
    const [model, precision, backend] = this.pickers.map(({ value }) => value);
    const threads = this.#threads();
    const { milliseconds, automatic } = await this.client.call("open", {
      model,
      precision,
      backend,
      threads,
    });
    this.#opened = [model, precision, backend];
    this.canFindAlone = automatic;
    const running =
      backend === "webgpu"
        ? "WebGPU"
        : `WebAssembly, ${threads} thread${threads === 1 ? "" : "s"}`;
    byId("running").textContent = `${running} · loaded in ${(milliseconds / 1000).toFixed(1)} s`;
    byId("isolation").hidden = crossOriginIsolated || backend === "webgpu";
    byId("half-on-gpu").hidden = backend !== "webgpu" || precision !== "int8";
  }

  /** Threads of WebAssembly, at most one for each core. */
  #threads() {
    if (!crossOriginIsolated) return 1;
    const cores = navigator.hardwareConcurrency || 1;
    const wanted = Math.floor(Number(this.wanted.get("threads")));
    return wanted >= 1 ? Math.min(wanted, cores) : Math.min(cores, MOST_THREADS);
  }

  /** @param {string | null} preferred */
  #listPrecisions(preferred) {
    const found = this.#models.find(({ model }) => model === this.model.value);
    this.precision.replaceChildren(
      ...(found?.precisions ?? []).map(
        ({ precision, bytes }) =>
          new Option(`${precision} · ${(bytes / 1e6).toFixed(0)} MB`, precision),
      ),
    );
    const backend = /** @type {import("./worker.js").Backend} */ (this.backend.value);
    pick(this.precision, preferred, ...USUAL_PRECISIONS[backend]);
  }

  /** The usual precision of the backend, unless the user named one. */
  #followBackend() {
    this.#listPrecisions(this.#precisionChosen ? this.precision.value : null);
  }
}

/**
 * Choose the first of some values that a picker has; what it shows stays if it has none of them.
 * @param {HTMLSelectElement} list
 * @param {(string | null)[]} values
 */
function pick(list, ...values) {
  const known = Array.from(list.options, ({ value }) => value);
  const found = values.find((value) => known.includes(value ?? ""));
  if (found) list.value = found;
}
