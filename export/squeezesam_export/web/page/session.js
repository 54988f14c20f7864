/** What the user has said about the photo so far, with a way back; it draws and asks nothing. */

/** @typedef {import("./worker.js").Click} Click */
/** @typedef {import("./worker.js").Drawn} Drawn */
/** @typedef {import("./worker.js").Question} Question */

/**
 * @typedef {object} State
 * @property {boolean} automatic whether the automatic mask is what clicks correct
 * @property {Click[]} clicks oldest first
 * @property {number[] | null} box
 * @property {number | null} previous number of the answer that this one corrects
 * @property {Drawn | null} answer null where nothing is selected
 */

/** @type {State} */
const NOTHING = Object.freeze({
  automatic: false,
  clicks: [],
  box: null,
  previous: null,
  answer: null,
});
const POSITIVE = 1;

/** One photo's selection. */
export class Session {
  /** @type {State[]} */
  #states = [NOTHING];

  /** @returns {State} */
  get state() {
    return this.#states[this.#states.length - 1];
  }

  get canUndo() {
    return this.#states.length > 1;
  }

  /** @param {State} state that has been answered */
  push(state) {
    this.#states.push(state);
  }

  /** Go one step back. */
  undo() {
    if (this.canUndo) this.#states.pop();
  }

  /** Nothing is selected; this can be undone. */
  clear() {
    if (this.state !== NOTHING) this.push(NOTHING);
  }

  /**
   * The state with the automatic mask alone.
   * @returns {State}
   */
  withAutomatic() {
    return { ...NOTHING, automatic: true };
  }

  /**
   * The state with one more click.
   * @param {Click} click
   * @returns {State}
   */
  withClick(click) {
    const { state } = this;
    const previous = state.answer?.number ?? null;
    return { ...state, clicks: [...state.clicks, click], previous, answer: null };
  }

  /**
   * The state of a new box, which begins a new selection.
   * @param {number[]} box
   * @returns {State}
   */
  withBox(box) {
    return { ...NOTHING, box };
  }

  /**
   * What to ask for a state; null where there is nothing to ask yet, as with a negative click alone.
   * @param {State} state
   * @returns {Question | null}
   */
  questionOf({ automatic, clicks, box, previous }) {
    if (automatic) return { method: clicks.length ? "edit" : "automatic", clicks, box, previous };
    if (!box && !clicks.some(({ label }) => label === POSITIVE)) return null;
    return { method: "prompt", clicks, box, previous };
  }
}
