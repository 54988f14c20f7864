// Uses the page in Chromium as a person would; run by tests/test_web_page.py, which checks the files.
// chromium.mjs ADDRESS PHOTO CORRUPT HUGE OUT prints what was seen as JSON.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const { chromium } = createRequire(join(process.env.SQUEEZESAM_WEB_RUNTIME, "/"))("playwright-core");
const [address, photo, corrupt, huge, out] = process.argv.slice(2);
const PATIENCE = { timeout: 120_000 };

const browser = await chromium.launch({
  executablePath: process.env.SQUEEZESAM_CHROMIUM,
  args: [
    ...["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"],
    ...["--disable-component-update", "--disable-sync"],
    // A software adapter, so that the page tries WebGPU.
    ...(process.env.SQUEEZESAM_ADAPTER
      ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
      : []),
  ],
});
const context = await browser.newContext({ viewport: { width: 900, height: 900 }, hasTouch: true });
await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: address });
const page = await context.newPage();
const origins = new Set();
const problems = [];
page.on("request", (request) => {
  const { protocol, origin } = new URL(request.url());
  if (protocol.startsWith("http")) origins.add(origin);
});
page.on("pageerror", (error) => problems.push(error.message));

const idle = async () => {
  await page.waitForTimeout(200); // until what was done has begun
  await page.waitForFunction(() => !document.body.classList.contains("busy"), null, PATIENCE);
};
const message = async () => (await page.locator("#message").textContent()) ?? "";
const names = {};
const download = async (button, name) => {
  const started = page.waitForEvent("download", PATIENCE);
  await page.locator(button).click();
  names[name] = (await started).suggestedFilename();
  await (await started).saveAs(join(out, name));
  await idle();
};

await page.goto(address);
if (process.env.SQUEEZESAM_PLAIN_HOST) {
  await page.waitForFunction(() => crossOriginIsolated, null, PATIENCE); // the page was reloaded
}
const opened = () => document.getElementById("running")?.textContent !== "loading …";
await page.waitForFunction(opened, null, PATIENCE);
await idle();
const running = () => page.locator("#running").textContent();
const seen = {
  isolated: await page.evaluate(() => crossOriginIsolated),
  opened: await message(),
  running: await running(),
  precision: await page.locator("#precision").inputValue(),
};
const choose = async (file) => {
  await page.locator("#file").setInputFiles(file);
  await idle();
  await idle(); // the automatic mask comes after the photo
};
const marks = () =>
  page
    .locator(".mark:not(.cursor)")
    .evaluateAll((all) => all.map(({ className, style }) => [className, style.left, style.top]));
let at = (across, down) => [across, down];
if (!seen.opened) {
  await choose(photo);
  await download("#download-mask", "automatic.png");
  seen.finally = await running();
  const frame = await page.locator(".frame").boundingBox();
  at = (across, down) => [frame.x + frame.width * across, frame.y + frame.height * down];
  seen.models = await page.locator("#model option").allTextContents();
  for (const model of seen.models.slice(1)) {
    await page.mouse.click(...at(0.5, 0.4));
    await idle();
    seen.marks = await marks();
    await page.locator("#model").selectOption(model);
    await idle();
    await idle(); // the same question again
    seen.switched = await message();
    await download("#download-mask", "other-model.png");
  }
}
if (!seen.opened && !process.env.SQUEEZESAM_ONLY_AUTOMATIC) {
  await page.mouse.click(...at(0.3, 0.7), { button: "right" });
  await idle();
  await download("#download-mask", "edited.png");
  await page.mouse.click(...at(0.7, 0.4));
  await idle();
  seen.marks = await marks();
  await download("#download-mask", "twice.png");
  await page.keyboard.press("u");
  await page.keyboard.press("Control+z");
  await idle();
  await download("#download-mask", "undone.png");
  await download("#download", "cutout.png");
  seen.stages = await page.locator("#timings li").count();

  await page.locator("#copy").click();
  await idle();
  seen.copied = await message();
  const copied = await page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  });
  writeFileSync(join(out, "copied.png"), Buffer.from(copied, "hex"));

  const file = await page.evaluateHandle((hex) => {
    const bytes = Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
    return new File([bytes], "dropped.jpg", { type: "image/jpeg" });
  }, readFileSync(photo).toString("hex"));
  await page.evaluate(async (jpeg) => {
    const bitmap = await createImageBitmap(jpeg);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    const png = await canvas.convertToBlob({ type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
  }, file);
  await page.keyboard.press("Control+V");
  await idle();
  await idle();
  await download("#download-mask", "pasted.png");
  const transfer = await page.evaluateHandle((jpeg) => {
    const data = new DataTransfer();
    data.items.add(jpeg);
    return data;
  }, file);
  await page.dispatchEvent("body", "dragover", { dataTransfer: transfer });
  seen.dragging = await page.evaluate(() => document.body.classList.contains("dragging"));
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  await idle();
  await idle();
  await download("#download-mask", "dropped.png");

  await page.mouse.move(...at(0.2, 0.1));
  await page.mouse.down();
  await page.mouse.move(...at(0.5, 0.5));
  await page.mouse.move(...at(0.8, 0.9));
  await page.mouse.up();
  await idle();
  seen.box = await page
    .locator(".lines rect")
    .evaluate((box) => ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name))));
  await download("#download-mask", "boxed.png");
  await page.locator(".frame").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await idle();
  seen.keyboard = await marks();
  const touch = await context.newCDPSession(page);
  const [x, y] = at(0.25, 0.75);
  await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
  await page.locator(".mark.remove").waitFor(PATIENCE);
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await idle();
  seen.held = await marks();
  await page.keyboard.press("f");
  await idle();

  seen.picked = await page.evaluate(() => {
    const [backend, precision] = ["backend", "precision"].map((id) => document.getElementById(id));
    const hint = document.getElementById("half-on-gpu");
    const noted = () => (window.hinted ||= !hint.hidden);
    new MutationObserver(noted).observe(hint, { attributes: true });
    backend.value = "webgpu";
    backend.dispatchEvent(new Event("change"));
    return precision.value; // before the backend is tried
  });
  await idle();
  seen.fallback = await message();
  seen.hinted = await page.evaluate(() => Boolean(window.hinted));
  seen.backend = await page.locator("#backend").inputValue();
  seen.fellBackTo = await page.locator("#precision").inputValue();
  await download("#download-mask", "fallen-back.png");
  await choose(corrupt);
  seen.corrupt = await message();
  await choose(huge);
  seen.huge = await message();
  await page.setViewportSize({ width: 390, height: 844 });
  seen.overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
}
seen.origins = [...origins];
seen.problems = problems;
seen.names = names;
writeFileSync(join(out, "seen.json"), JSON.stringify(seen));
await browser.close();
