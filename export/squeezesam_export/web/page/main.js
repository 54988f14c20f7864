/** The page: what the user does becomes questions to the worker, and its answers are shown. */

import { serveBenchmark } from "./benchmark.js";
import { Client, WorkerError } from "./client.js";
import { all, byId, say, sentence, setStatus, showTimings } from "./panel.js";
import { checkPhoto } from "./photo.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";

/** @typedef {import("./session.js").State} State */

// What settings.js reads, and `benchmark` with the token of `squeezesam bench run --on web`
const WANTED = new URLSearchParams(location.search);
const HOW_TO_BEGIN = "Click on what you mean, or drag a box around it.";
const HOW_TO_GO_ON = matchMedia("(pointer: coarse)").matches
  ? "Tap to add, hold to remove, or drag a box."
  : "Click to add, right-click to remove, or drag a box.";

const client = new Client();
const settings = new Settings(client, WANTED);
const stage = new Stage(byId("stage"));
let session = new Session();
let photoName = "photo";
let hasPhoto = false;
/** Work for the worker is done in its order. @type {Promise<void>} */
let queue = Promise.resolve();
let waiting = 0;

/**
 * Do work after all that was asked before; errors become a sentence.
 * @param {() => Promise<void>} work
 */
function enqueue(work) {
  waiting++;
  document.body.classList.add("busy");
  queue = queue
    .then(work)
    .catch((error) => {
      stage.show(session.state);
      if (error instanceof WorkerError && error.kind === "NoSalientObjectError") {
        setStatus(`Nothing stands out here. ${HOW_TO_BEGIN}`);
      } else say(sentence(error), "error");
    })
    .then(() => {
      if (--waiting === 0) document.body.classList.remove("busy");
      refresh();
    });
  return queue;
}

/** Enable what can be done now. */
function refresh() {
  const { state } = session;
  const [undo, clear, automatic] = ["undo", "clear", "automatic"].map(
    (id) => /** @type {HTMLButtonElement} */ (byId(id)),
  );
  undo.disabled = !session.canUndo;
  clear.disabled = !state.answer;
  automatic.disabled = !hasPhoto || !settings.canFindAlone;
  automatic.hidden = !settings.canFindAlone;
  for (const button of all("[data-needs-mask]")) button.toggleAttribute("disabled", !state.answer);
  byId("confidence").textContent = state.answer ? `${Math.round(100 * state.answer.iou)} %` : "–";
}

/**
 * Ask about a state, and show it once there is an answer.
 * @param {(session: Session) => State} change
 */
function ask(change) {
  return enqueue(async () => {
    const state = change(session);
    const question = session.questionOf(state);
    if (!question) {
      stage.show(session.state);
      say("There is nothing to remove yet. Click on what you mean first.");
      return;
    }
    const answer = await settings.withFallback(() => client.call("ask", question));
    session.push({ ...state, answer });
    stage.show(session.state);
    showTimings(answer.timings);
    setStatus(
      question.method === "automatic" ? `This stands out. ${HOW_TO_GO_ON}` : HOW_TO_GO_ON,
    );
  });
}

/** Another model or backend: the same question again. */
function reopen() {
  return enqueue(async () => {
    await settings.reopen();
    const { state } = session;
    if (state.answer) void ask(() => state);
  });
}

/**
 * @param {Blob} file
 * @param {string} name
 */
function take(file, name) {
  return enqueue(async () => {
    await checkPhoto(file);
    setStatus("Looking …");
    const photo = await client.call("photo", file);
    session = new Session();
    photoName = name.replace(/\.[^.]*$/, "") || "photo";
    hasPhoto = true;
    document.body.classList.add("with-photo");
    stage.setPhoto(photo);
    stage.show(session.state);
    showTimings(photo.timings);
    setStatus(HOW_TO_BEGIN);
    refresh();
    if (settings.canFindAlone) void ask((current) => current.withAutomatic());
  });
}

/** @param {"cutout" | "mask"} kind */
async function picture(kind) {
  const { answer } = session.state;
  if (!answer) throw new Error("there is no mask yet; click on what you mean");
  return client.call("picture", { number: answer.number, kind });
}

/** @param {"cutout" | "mask"} kind */
function download(kind) {
  return enqueue(async () => {
    const url = URL.createObjectURL(await picture(kind));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${photoName}-${kind}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  });
}

/** Safari takes a promise only, and only while the click is being handled. */
function copy() {
  const blob = picture("cutout");
  return enqueue(async () => {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    say("The cut-out is in the clipboard.");
  });
}

function undo() {
  return enqueue(async () => {
    session.undo();
    stage.show(session.state);
  });
}

function clear() {
  return enqueue(async () => {
    session.clear();
    stage.show(session.state);
    setStatus(HOW_TO_BEGIN);
  });
}

const automatic = () => ask((current) => current.withAutomatic());

/** @param {import("./stage.js").Tool} tool */
function choose(tool) {
  stage.tool = tool;
  for (const button of all("[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  }
}

/** @param {import("./stage.js").Look} look */
function setLook(look) {
  stage.look = look;
  for (const button of all("[data-look]")) {
    button.setAttribute("aria-pressed", String(button.dataset.look === look));
  }
  stage.draw();
}

function chooseFile() {
  byId("file").click();
}

function listen() {
  const file = /** @type {HTMLInputElement} */ (byId("file"));
  file.addEventListener("change", () => {
    const [first] = file.files ?? [];
    if (first) void take(first, first.name);
    file.value = "";
  });
  for (const button of all("[data-open]")) button.addEventListener("click", chooseFile);
  for (const button of all("[data-tool]")) {
    button.addEventListener("click", () => choose(/** @type {any} */ (button.dataset.tool)));
  }
  for (const button of all("[data-look]")) {
    button.addEventListener("click", () => setLook(/** @type {any} */ (button.dataset.look)));
  }
  byId("undo").addEventListener("click", undo);
  byId("clear").addEventListener("click", clear);
  byId("automatic").addEventListener("click", automatic);
  byId("download").addEventListener("click", () => download("cutout"));
  byId("download-mask").addEventListener("click", () => download("mask"));
  byId("copy").addEventListener("click", copy);
  for (const picker of settings.pickers) picker.addEventListener("change", reopen);
  stage.addEventListener("click", (event) => {
    const click = /** @type {CustomEvent} */ (event).detail;
    stage.pending(click);
    void ask((current) => current.withClick(click));
  });
  stage.addEventListener("box", (event) => {
    const box = /** @type {CustomEvent} */ (event).detail;
    void ask((current) => current.withBox(box));
  });

  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const [first] = event.dataTransfer?.files ?? [];
    if (first) void take(first, first.name);
  });
  document.addEventListener("paste", (event) => {
    const [first] = event.clipboardData?.files ?? [];
    if (first) void take(first, first.name);
  });
  document.addEventListener("keydown", keyPressed);
}

/** @param {KeyboardEvent} event */
function keyPressed(event) {
  const typing = event.target instanceof HTMLSelectElement;
  if (typing || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key === "z") void undo();
    return;
  }
  /** @type {Record<string, () => unknown>} */
  const keys = {
    a: () => choose("add"),
    r: () => choose("remove"),
    b: () => choose("box"),
    u: undo,
    c: clear,
    Escape: clear,
    f: () => settings.canFindAlone && hasPhoto && automatic(),
    d: () => session.state.answer && download("cutout"),
    v: () => setLook(stage.look === "outline" ? "cutout" : "outline"),
    o: chooseFile,
  };
  keys[event.key]?.();
}

/** Photos that came with the page. */
async function showExamples() {
  const response = await fetch("photos/index.json");
  /** @type {string[]} */
  const names = response.ok ? await response.json() : [];
  byId("examples").replaceChildren(
    ...names.map((name, i) => {
      const [button, image] = [document.createElement("button"), new Image()];
      image.src = `photos/${name}`;
      image.alt = `Example ${i + 1}`;
      button.type = "button";
      button.append(image);
      button.addEventListener("click", async () => {
        void take(await (await fetch(image.src)).blob(), name);
      });
      return button;
    }),
  );
  byId("examples-title").hidden = !names.length;
}

/** Hosts that cannot set headers get them from a service worker, which counts after a reload. */
async function isolate() {
  if (crossOriginIsolated || !isSecureContext || !navigator.serviceWorker) return;
  await navigator.serviceWorker.register("service-worker.js");
  await navigator.serviceWorker.ready;
  if (!sessionStorage.getItem("isolated")) {
    sessionStorage.setItem("isolated", "tried");
    location.reload();
  }
}

listen();
choose("add");
setLook("outline");
refresh();
showExamples().catch(() => {}); // the page is whole without them
isolate().catch(() => {}); // one thread is slower, and the page says so
const token = WANTED.get("benchmark");
void enqueue(token ? () => serveBenchmark(client, token) : () => settings.start());
