/** The page's side of `worker.js`: a call is a promise. */

/** An error that the worker reports; `kind` is the name of its type. */
export class WorkerError extends Error {
  /**
   * @param {string} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** Calls the worker's methods. */
export class Client {
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
  #waiting = new Map();
  #count = 0;

  constructor() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data: { id, result, error } }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new WorkerError(error.name, error.message));
      else waiting?.resolve(result);
    });
    this.worker.addEventListener("error", (event) => {
      const error = new WorkerError("Error", event.message || "the worker did not start");
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /**
   * @param {"describe" | "open" | "photo" | "ask" | "picture" | "measure"} method
   * @param {unknown} [argument]
   * @returns {Promise<any>}
   */
  call(method, argument) {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, method, argument });
    });
  }
}
