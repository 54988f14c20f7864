/** What the page says beside the photo: messages, the status line and the times of stages. */

/** @typedef {import("./worker.js").Timings} Timings */

const MESSAGE_MS = 6000;

/** @type {<Kind extends HTMLElement = HTMLElement>(id: string) => Kind} */
export const byId = (id) => /** @type {any} */ (document.getElementById(id));
/** @type {(selector: string) => NodeListOf<HTMLElement>} */
export const all = (selector) => document.querySelectorAll(selector);

/** @type {ReturnType<typeof setTimeout>} */
let messageTimer;
/**
 * Say something in one sentence.
 * @param {string} text
 * @param {"note" | "error"} [kind]
 */
export function say(text, kind = "note") {
  const message = byId("message");
  message.textContent = text;
  message.dataset.kind = kind;
  message.hidden = false;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => (message.hidden = true), MESSAGE_MS);
}

/** @param {string} text what stands below the photo */
export function setStatus(text) {
  byId("status").textContent = text;
}

/**
 * What is said of an error.
 * @param {unknown} error
 */
export function sentence(error) {
  const text = error instanceof Error ? error.message : String(error);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replace(/\.\.$/, ".");
}

/**
 * List the stages of an answer.
 * @param {Timings} timings
 */
export function showTimings(timings) {
  const total = timings.reduce((sum, { ms }) => sum + ms, 0);
  const longest = Math.max(...timings.map(({ ms }) => ms));
  byId("timings").replaceChildren(
    ...timings.map(({ stage: name, ms }) => {
      const row = document.createElement("li");
      const [label, number] = [document.createElement("span"), document.createElement("span")];
      label.textContent = name;
      number.textContent = ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
      row.style.setProperty("--share", String(ms / longest));
      row.append(label, number);
      return row;
    }),
  );
  byId("total").textContent = `${total.toFixed(0)} ms`;
}
