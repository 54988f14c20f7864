// What Python answered, as `web_vectors.py` writes it, and how answers are compared with it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

export const vectors = (name) =>
  JSON.parse(readFileSync(join(process.env.SQUEEZESAM_VECTORS, `${name}.json`), "utf8"));

export const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
export const floats = (text) => new Float32Array(bytes(text).buffer);

export function assertClose(found, wanted, tolerance, name) {
  assert.equal(found.length, wanted.length, name);
  let worst = 0;
  for (let i = 0; i < found.length; i++) worst = Math.max(worst, Math.abs(found[i] - wanted[i]));
  assert.ok(worst <= tolerance, `${name}: ${worst} off, ${tolerance} allowed`);
}

export function iou(one, other) {
  assert.equal(one.length, other.length);
  let [both, either] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    both += one[i] && other[i] ? 1 : 0;
    either += one[i] || other[i] ? 1 : 0;
  }
  return either ? both / either : 1;
}

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

// Ask a predictor what Python's was asked, in the same order; `check` gets both answers.
export async function askAll(predictor, { photo: [width, height], pixels, asked }, check) {
  predictor.setImage({ data: bytes(pixels), width, height });
  const lowRes = {};
  for (const { name, method, question, previous, ...wanted } of asked) {
    const given = Object.entries(question).map(([key, value]) => [camel(key), value]);
    const maskInput = previous && lowRes[previous];
    const answer = await predictor[method]({ ...Object.fromEntries(given), maskInput });
    [lowRes[name]] = answer.lowResMasks;
    check(name, answer, {
      masks: wanted.masks.map(bytes),
      iouPredictions: floats(wanted.iou_predictions),
      lowResMasks: wanted.low_res_masks.map(floats),
    });
  }
}
