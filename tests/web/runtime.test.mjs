// The JavaScript module with onnxruntime-web on a real export; run by tests/test_web_module.py.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import {
  OnnxNetwork,
  readBundle,
  SaliencyPredictor,
} from "../../export/squeezesam_export/web/module/index.js";
import { askAll, assertClose, bytes, floats, iou, vectors } from "./vectors.mjs";

const { SQUEEZESAM_WEB_RUNTIME, SQUEEZESAM_BUNDLE } = process.env;
const script = join(SQUEEZESAM_WEB_RUNTIME, "onnxruntime-web", "dist", "ort.node.min.mjs");
const ort = await import(pathToFileURL(script).href);
ort.env.wasm.numThreads = 1;

const openBundle = () => readBundle((name) => readFile(join(SQUEEZESAM_BUNDLE, name)));

test("answers with ONNX Runtime in WebAssembly are those of ONNX Runtime in Python", async () => {
  const bundle = await openBundle();
  const load = async (network) => {
    const artifact = bundle.artifact(network, "fp32");
    return OnnxNetwork.load(ort, await bundle.artifactBytes(artifact), network);
  };
  const networks = [await load(bundle.segmenter), await load(bundle.detector)];
  const given = vectors("runtime");
  const predictor = new SaliencyPredictor(...networks);
  await askAll(predictor, given, (name, found, wanted) => {
    assertClose(found.iouPredictions, wanted.iouPredictions, 1e-3, name);
    assert.equal(found.masks.length, wanted.masks.length, name);
    found.masks.forEach((mask, i) => {
      assert.ok(iou(mask, wanted.masks[i]) >= 0.999, `${name}: ${iou(mask, wanted.masks[i])}`);
    });
  });
  const finding = await predictor.finding();
  assert.deepEqual(finding.coords, given.clicks);
  assertClose(finding.heat, bytes(given.heat), 1, "heat");
  for (const network of networks) await network.release();
});

const MASKS = [0, 1, 2, 3];
const mask = (logits, i) => {
  const area = logits.length / MASKS.length;
  return logits.subarray(i * area, (i + 1) * area).map((logit) => Number(logit > 0));
};

test("golden cases are answered within the bounds of each precision", async () => {
  const bundle = await openBundle();
  const cases = vectors("golden");
  // Of fp32 more is asked than the manifest does.
  const bounds = { ...bundle.bounds, fp32: { minMaskIou: 0.999, meanMaskIou: 0.999 } };
  assert.deepEqual(Object.keys(bounds), bundle.precisions);
  for (const [precision, { minMaskIou: least, meanMaskIou: mean }] of Object.entries(bounds)) {
    const file = await bundle.artifactBytes(bundle.artifact(bundle.segmenter, precision));
    const network = await OnnxNetwork.load(ort, file, bundle.segmenter);
    const found = [];
    for (const tensors of cases) {
      const given = Object.fromEntries(
        bundle.segmenter.inputs.map(({ name }) => [name, floats(tensors[name])]),
      );
      const [answer, wanted] = [await network.run(given), floats(tensors.low_res_masks)];
      found.push(MASKS.map((i) => iou(mask(answer.low_res_masks, i), mask(wanted, i))));
    }
    const worst = Math.min(...found.map(([first]) => first));
    const middle = found.flat().reduce((sum, one) => sum + one, 0) / found.flat().length;
    assert.ok(worst >= least, `${precision}: ${worst} at worst`);
    assert.ok(middle >= mean, `${precision}: ${middle} on average`);
    await network.release();
  }
});
