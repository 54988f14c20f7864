/**
 * The page as a device that times artifacts: it asks the server of `squeezesam bench run --on web`
 * what to measure, and tells it what came out. After each measurement it loads itself anew.
 */

import { setStatus } from "./panel.js";

const PAGE = crypto.randomUUID();

/** Name and version of the browser, as it gives them. */
function browser() {
  const { userAgentData } = /** @type {any} */ (navigator);
  const brands = /** @type {{brand: string, version: string}[]} */ (userAgentData?.brands ?? []);
  const real = brands.filter(({ brand }) => !/not.?a.?brand/i.test(brand));
  const found = real.map(({ brand, version }) => `${brand} ${version}`).join(", ");
  return found ? `${found} (${navigator.userAgent})` : navigator.userAgent;
}

/**
 * @param {string} token of the server
 * @param {"ask" | "answer"} what
 * @param {object} content
 */
async function told(token, what, content) {
  const body = JSON.stringify({ token, page: PAGE, ...content });
  const response = await fetch(`benchmark/${what}`, { method: "POST", body });
  if (!response.ok) throw new Error(`the benchmark is over (HTTP ${response.status})`);
  return response.status === 204 ? null : response.json();
}

/**
 * @param {import("./client.js").Client} client
 * @param {string} token
 */
export async function serveBenchmark(client, token) {
  const facts = {
    browser: browser(),
    cores: navigator.hardwareConcurrency ?? 1,
    isolated: crossOriginIsolated,
  };
  setStatus("Waiting for something to measure. Leave this page in front.");
  document.body.classList.add("with-photo");
  let job = null;
  while (!job) job = await told(token, "ask", { facts });
  setStatus(`Measuring ${job.file} with ${job.threads} threads …`);
  const answer = await client.call("measure", job).then(
    (measurement) => ({ measurement }),
    ({ message }) => ({ error: String(message) }),
  );
  await told(token, "answer", answer);
  location.reload();
}
