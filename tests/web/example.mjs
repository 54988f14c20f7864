// Runs the JavaScript example of docs/onnx.md in node, with onnxruntime-web in place of
// onnxruntime-node; run by tests/test_points.py. example.mjs CODE CASE FILE ANSWER

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [code, given, file, answer] = process.argv.slice(2);
const { SQUEEZESAM_WEB_RUNTIME } = process.env;
const script = join(SQUEEZESAM_WEB_RUNTIME, "onnxruntime-web", "dist", "ort.node.min.mjs");
const ort = await import(pathToFileURL(script).href);
ort.env.wasm.numThreads = 1;

const mask0 = new Function("require", `${readFileSync(code, "utf8")}; return mask0;`)(() => ort);
const { size, rgb, width, height, clicks } = JSON.parse(readFileSync(given, "utf8"));
const logits = await mask0(readFileSync(file), size, rgb, width, height, clicks);
writeFileSync(answer, JSON.stringify(Array.from(logits)));
