// What the exporter and `web_vectors.py` write, and how answers are compared with it.

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

// A mask of so many pixels, eight in a byte.
const bits = (text, count) => {
  const packed = bytes(text);
  return Uint8Array.from({ length: count }, (_, i) => (packed[i >> 3] >> (7 - (i & 7))) & 1);
};

// Ask a predictor all that a case of kind `answers` asks, in its order; `check` gets both answers.
export async function askAll(predictor, { photo: [width, height], pixels, asked }, check) {
  predictor.setImage({ data: bytes(pixels), width, height });
  const lowRes = {};
  for (const { name, method, previous, ...one } of asked) {
    const question = {
      pointCoords: one.point_coords ?? undefined,
      pointLabels: one.point_labels ?? undefined,
      multimaskOutput: one.multimask_output,
      maskInput: previous && lowRes[previous],
    };
    if (one.box) question.box = one.box;
    const answer = await predictor[method](question);
    [lowRes[name]] = answer.lowResMasks;
    check(name, answer, {
      masks: one.masks.map((mask) => bits(mask, width * height)),
      iouPredictions: Float32Array.from(one.iou_predictions),
      lowResMasks: one.low_res_masks.map((logits) => Float32Array.from(logits)),
    });
  }
}
