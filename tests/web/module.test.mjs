// The JavaScript module against Python's answers; run by tests/test_web_module.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cleaned, cleanedLogits } from "../../export/squeezesam_export/web/module/cleaning.js";
import {
  ArtifactError,
  ConfigError,
  ImageError,
  Letterbox,
  NoSalientObjectError,
  OnnxNetwork,
  PromptError,
  readBundle,
  SaliencyPredictor,
  SamPredictor,
} from "../../export/squeezesam_export/web/module/index.js";
import {
  movedPrompts,
  ontoPhoto,
  ontoView,
  surroundings,
} from "../../export/squeezesam_export/web/module/looks.js";
import {
  checkPrompts,
  encodePrompts,
  pointInputs,
} from "../../export/squeezesam_export/web/module/prompts.js";
import { findSalientObject, heatByte } from "../../export/squeezesam_export/web/module/saliency.js";
import * as spec from "../../export/squeezesam_export/web/module/spec.js";
import {
  photoAlpha,
  photoLogits,
  photoMask,
} from "../../export/squeezesam_export/web/module/upsampling.js";
import { askAll, assertClose, bytes, vectors } from "./vectors.mjs";

// Each case of a golden file by its kind; every kind must be known.
function goldenTest(file, kinds) {
  test(`golden/${file}.json`, () => {
    const cases = vectors(`golden/${file}`);
    assert.ok(cases.length > 0);
    for (const given of cases) kinds[given.kind](given);
  });
}

const asView = ([left, top, width, height]) => ({ left, top, width, height });

test("constants are those of squeezesam/spec.py", () => {
  assert.deepEqual(vectors("constants"), { ...spec });
});

goldenTest("photos", {
  letterbox: ({ name, photo, pixels, view, input_size: size, image }) => {
    const part = asView(view);
    const letterbox = new Letterbox(part.width, part.height, size);
    const found = letterbox.apply({ data: bytes(pixels), width: photo[0] }, part);
    const levels = [...bytes(image)];
    const wanted = levels.map((level) => (level - spec.PIXEL_MEAN) * spec.PIXEL_SCALE);
    assert.deepEqual(found, Float32Array.from(wanted), name);
  },
  upsampling: ({ name, photo, input_size: size, tolerance, ...given }) => {
    const letterbox = new Letterbox(...photo, size);
    const logits = Float32Array.from(given.logits);
    const large = photoLogits(logits, letterbox);
    assertClose(large, given.photo_logits, tolerance.photo_logits, name);
    assert.deepEqual(photoMask(logits, letterbox), bytes(given.photo_mask), name);
    assertClose(photoAlpha(logits, letterbox), given.photo_alpha, tolerance.photo_alpha, name);
  },
});

goldenTest("prompts", {
  prompts: (given) => {
    const { photo, input_size: size, coords, labels, box, tolerance } = given;
    const before = given.mask_input && Float32Array.from(given.mask_input);
    const prompts = checkPrompts(coords, labels, box, ...photo);
    const letterbox = new Letterbox(...photo, size);
    for (const [name, found] of Object.entries(encodePrompts(prompts, letterbox, before))) {
      assertClose(found, given[name], tolerance[name], `${given.name}: ${name}`);
    }
    const points = pointInputs(prompts, letterbox, before);
    const { point_coords: places, point_labels: codes } = points;
    const { point_labels: slots, point_coords: allCoords } = given;
    assert.deepEqual([...codes], slots.filter((label) => label !== -1));
    const wanted = slots.flatMap((label, i) =>
      label === -1 ? [] : [...allCoords.slice(2 * i, 2 * i + 2)],
    );
    assertClose(places, wanted, tolerance.point_coords, given.name);
    assert.deepEqual([...points.has_mask_input], [before ? 1 : 0]);
    assert.equal(points.mask_input.length, (size / 2) ** 2);
  },
});

goldenTest("mask_cleaning", {
  clean: (given) => {
    const asked = { ...given, previous: given.previous && bytes(given.previous) };
    const found = cleaned(bytes(given.mask), given.width, asked, given.cleaning);
    assert.deepEqual(found, bytes(given.cleaned), given.name);
  },
  logits: ({ width, height, positive, logits, cleaned: wanted }) => {
    const letterbox = new Letterbox(width, height, width * spec.MAP_STRIDE);
    const asked = { positive, negative: [], window: null, previous: null };
    const found = cleanedLogits(Float32Array.from(logits), asked, letterbox);
    assert.deepEqual(found, Float32Array.from(wanted));
  },
  places: (given) => {
    const letterbox = new Letterbox(...given.photo, given.input_size);
    assert.deepEqual(letterbox.maskSize, given.mask_size, given.name);
    const pixels = given.photo_pixels.map((place) => letterbox.maskPixel(place));
    assert.deepEqual(pixels, given.mask_pixels, given.name);
    const windows = given.boxes.map((box) => letterbox.maskWindow(box));
    assert.deepEqual(windows, given.windows, given.name);
  },
});

goldenTest("click_sampling", {
  heat: (given) => assert.deepEqual(given.logits.map(heatByte), given.bytes),
  clicks: (given) => {
    const found = findSalientObject(bytes(given.heat), given.width, given.sampling);
    assert.deepEqual(found?.clicks ?? [], given.clicks, given.name);
    assert.equal(found?.area ?? 0, given.blob_area, given.name);
  },
  places: (given) => {
    const letterbox = new Letterbox(...given.photo, given.input_size);
    assert.deepEqual(letterbox.inside, given.inside, given.name);
    assert.deepEqual(letterbox.heatSize, given.heat_size, given.name);
    const places = given.heat_pixels.map((place) => letterbox.photoPixel(place));
    assert.deepEqual(places, given.photo_pixels, given.name);
  },
});

goldenTest("looks", {
  view: (given) => {
    const letterbox = new Letterbox(...given.photo, given.input_size);
    const coords = [...given.positive, ...given.negative];
    const labels = coords.map((_, i) => (i < given.positive.length ? 1 : 0));
    const prompts = { coords, labels, box: given.box };
    const view = surroundings(bytes(given.mask), prompts, letterbox, given.looking);
    assert.deepEqual(view, asView(given.view), given.name);
    const moved = movedPrompts(prompts, view);
    const found = {
      positive: moved.coords.filter((_, i) => moved.labels[i] === 1),
      negative: moved.coords.filter((_, i) => moved.labels[i] === 0),
      box: moved.box,
    };
    assert.deepEqual(found, given.moved, given.name);
  },
  onto_view: (given) => {
    const view = asView(given.view);
    const photo = new Letterbox(...given.photo, given.mask_input_size);
    const letterbox = new Letterbox(view.width, view.height, given.input_size);
    const found = ontoView(Float32Array.from(given.logits), photo, view, letterbox);
    assert.deepEqual(found, Float32Array.from(given.previous), given.name);
  },
  onto_photo: (given) => {
    const view = asView(given.view);
    const photo = new Letterbox(...given.photo, given.input_size);
    const letterbox = new Letterbox(view.width, view.height, given.input_size);
    const found = ontoPhoto(Float32Array.from(given.logits), view, letterbox, photo);
    assert.deepEqual(found, Float32Array.from(given.placed), given.name);
  },
});

// The arithmetic of `stand_in_segmenter` and `stand_in_detector` of squeezesam/vectors/answers.py.
const SIZE = 64;
const light = (image, stride) => {
  const side = SIZE / stride;
  return Float32Array.from({ length: side * side }, (_, i) => {
    const at = Math.floor(i / side) * stride * SIZE + (i % side) * stride;
    return (image[at] + image[SIZE * SIZE + at] + image[2 * SIZE * SIZE + at]) / 3;
  });
};
const segmenter = {
  kind: "segmenter",
  inputSize: SIZE,
  async run({ image, prompt_maps: maps, prompt_tokens: tokens }) {
    const bright = light(image, 2);
    const area = bright.length;
    const logits = bright.map((level, i) => {
      const [positive, negative, box, earlier] = [0, 1, 2, 3].map((c) => maps[c * area + i]);
      return 8 * level + 3 * positive - 3 * negative + 2 * box + 3 * earlier - 1;
    });
    const masks = new Float32Array(4 * area);
    for (let c = 0; c < 4; c++) masks.set(logits.map((logit) => logit - 0.5 * c), c * area);
    const sum = tokens.reduce((total, value) => total + value, 0);
    const ious = Float32Array.from([0, 1, 2, 3], (c) => sum / 100 + c);
    return { low_res_masks: masks, iou_predictions: ious };
  },
};
// The same stand-in, which draws the points itself.
const pointSegmenter = {
  ...segmenter,
  kind: "segmenter-points",
  run(inputs) {
    const { point_coords: places, point_labels: codes, mask_input: mask } = inputs;
    const at = (label) => codes.findIndex((code) => code === label);
    const corner = (label) => [...places.slice(2 * at(label), 2 * at(label) + 2)];
    const prompts = { coords: [], labels: [], box: null };
    codes.forEach((code, i) => {
      if (code !== 0 && code !== 1) return;
      prompts.coords.push([...places.slice(2 * i, 2 * i + 2)].map((place) => place - 0.5));
      prompts.labels.push(code);
    });
    if (at(2) >= 0) prompts.box = [...corner(2), ...corner(3)];
    const drawn = encodePrompts(
      prompts,
      new Letterbox(SIZE, SIZE, SIZE),
      inputs.has_mask_input[0] ? mask : null,
    );
    return segmenter.run({ image: inputs.image, ...drawn });
  },
};
const detector = {
  kind: "detector",
  inputSize: SIZE,
  run: async ({ image }) => ({ saliency_logits: light(image, 4).map((level) => 12 * level) }),
};

for (const model of [segmenter, pointSegmenter]) {
  test(`whole answers are Python's, with the same stand-in for a ${model.kind}`, async () => {
    const [given] = vectors("golden/answers");
    const { tolerance } = given;
    const stages = [];
    const predictor = new SaliencyPredictor(model, detector, {
      onStage: (stage) => stages.push(stage),
    });
    await askAll(predictor, given, (name, found, wanted) => {
      assert.equal(found.masks.length, wanted.masks.length, name);
      assertClose(found.iouPredictions, wanted.iouPredictions, tolerance.iou_predictions, name);
      found.masks.forEach((mask, i) => {
        assert.deepEqual(mask, wanted.masks[i], name);
        assertClose(found.lowResMasks[i], wanted.lowResMasks[i], tolerance.low_res_masks, name);
      });
    });
    const finding = await predictor.finding();
    assert.deepEqual(finding.heat, bytes(given.heat));
    assert.deepEqual(finding.coords, given.clicks);
    assert.equal(stages.filter((stage) => stage === "detector: network").length, 1);
  });
}

test("what cannot be meant is refused", async () => {
  const predictor = new SaliencyPredictor(segmenter, detector);
  await assert.rejects(predictor.predict(), ImageError);
  for (const photo of [
    { data: new Uint8Array(7), width: 2, height: 1 },
    { data: new Uint8Array(0), width: 0, height: 1 },
    { data: new Uint8Array(9), width: 1.5, height: 2 },
  ]) {
    assert.throws(() => predictor.setImage(photo), ImageError);
  }
  predictor.setImage({ data: new Uint8Array(30 * 20 * 3), width: 30, height: 20 });
  assert.deepEqual(predictor.originalSize, [20, 30]);
  await assert.rejects(predictor.predict(), NoSalientObjectError);
  for (const question of [
    { pointCoords: [[30, 5]], pointLabels: [1] },
    { pointCoords: [[-1, 5]], pointLabels: [1] },
    { pointCoords: [[NaN, 5]], pointLabels: [1] },
    { pointCoords: [[5]], pointLabels: [1] },
    { pointCoords: [[5, 5]], pointLabels: [7] },
    { pointCoords: [[5, 5]], pointLabels: [] },
    { pointCoords: [[5, 5]] },
    { pointCoords: [[5, 5]], pointLabels: [-1] },
    { pointCoords: [[5, 5]], pointLabels: [0] },
    { box: [5, 5, 5, 9] },
    { box: [40, 5, 50, 9] },
    { maskInput: new Float32Array(5) },
    { maskInput: new Float32Array(1024).fill(NaN) },
  ]) {
    await assert.rejects(predictor.predict(question), PromptError, JSON.stringify(question));
  }
  assert.throws(() => new SamPredictor(detector), ConfigError);
  assert.throws(() => new SaliencyPredictor(segmenter, segmenter), ConfigError);
  const broken = {
    ...segmenter,
    run: async () => ({
      low_res_masks: new Float32Array(4 * 1024).fill(NaN),
      iou_predictions: new Float32Array(4),
    }),
  };
  const unsure = new SamPredictor(broken);
  unsure.setImage({ data: new Uint8Array(4 * 4 * 4), width: 4, height: 4 });
  const click = { pointCoords: [[1, 1]], pointLabels: [1] };
  await assert.rejects(unsure.predict(click), ArtifactError);
});

test("what is transparent lies over white", async () => {
  const images = [];
  const watched = {
    ...segmenter,
    run: (inputs) => {
      images.push(inputs.image);
      return segmenter.run(inputs);
    },
  };
  const predictor = new SamPredictor(watched, { looking: null });
  const [width, height] = [32, 32];
  const rgba = new Uint8ClampedArray(width * height * 4); // black, and all transparent
  const click = { pointCoords: [[1, 1]], pointLabels: [1] };
  predictor.setImage({ data: rgba, width, height });
  await predictor.predict(click);
  assert.deepEqual(new Set(images[0]), new Set([127 / 128]));
});

// The files of a bundle in memory, with changes of its manifest.
const filesOf = (changes = (content) => content, network = "network") => {
  const content = vectors("manifest");
  const files = {
    "manifest.json": JSON.stringify(changes(content) ?? content),
    "segmenter.onnx": network,
    "detector.onnx": network,
  };
  return async (name) => {
    if (!(name in files)) throw new Error("there is no such file");
    return new TextEncoder().encode(files[name]);
  };
};

test("a bundle lists its ONNX artifacts, and their bytes are checked", async () => {
  const bundle = await readBundle(filesOf());
  assert.deepEqual(bundle.precisions, ["fp32"]);
  assert.deepEqual(bundle.bounds.fp32, {
    minMaskIou: 0.995,
    meanMaskIou: 0.999,
    maxIouError: 0.001,
    maxClickDistance: 0,
  });
  assert.deepEqual([bundle.segmenter.inputSize, bundle.detector.inputSize], [SIZE, SIZE]);
  assert.deepEqual(bundle.detector.inputs, [{ name: "image", shape: [1, 3, SIZE, SIZE] }]);
  const artifact = bundle.artifact(bundle.segmenter, "fp32");
  assert.equal(artifact.file, "segmenter.onnx");
  assert.equal(new TextDecoder().decode(await bundle.artifactBytes(artifact)), "network");
  assert.throws(() => bundle.artifact(bundle.segmenter, "int8"), /no precision int8; use fp32/);
  const altered = await readBundle(filesOf(undefined, "netwurk"));
  await assert.rejects(altered.artifactBytes(artifact), /segmenter.onnx was altered/);
});

test("a segmenter that takes points is preferred, and the other one steps in for it", async () => {
  const file = "points.onnx";
  const withPoints = ({ networks }) => {
    const points = structuredClone({ ...networks[0], kind: "segmenter-points" });
    points.artifacts[1].graphs[0].file = file;
    networks.push(points);
  };
  const files = filesOf(withPoints);
  const read = async (name) => files(name === file ? "segmenter.onnx" : name);
  const bundle = await readBundle(read);
  const kinds = [];
  const load = async ({ kind }) => {
    kinds.push(kind);
    if (kind === "segmenter-points") throw new ArtifactError("an operator is missing");
    return kind;
  };
  assert.equal(bundle.segmenter.kind, "segmenter-points");
  assert.equal(await bundle.loadSegmenter("fp32", load), "segmenter");
  assert.deepEqual(kinds, ["segmenter-points", "segmenter"]);
  assert.equal(await bundle.loadSegmenter("fp32", async ({ kind }) => kind), "segmenter-points");
  await assert.rejects(bundle.loadSegmenter("int8", load), /no precision int8/);
  // A damaged file is an error, whatever else there is.
  const damaged = await readBundle(async (name) => (name === file ? new Uint8Array(3) : files(name)));
  await assert.rejects(damaged.loadSegmenter("fp32", load), /points.onnx was altered/);
  const alone = await readBundle(
    filesOf((content) => {
      withPoints(content);
      content.networks.shift();
    }),
  );
  assert.deepEqual(alone.segmenters.map(({ kind }) => kind), ["segmenter-points"]);
  await assert.rejects(
    bundle.loadSegmenter("fp32", async () => {
      throw new ArtifactError("nothing loads");
    }),
    /nothing loads/,
  );
});

test("an open axis has the length of its values", async () => {
  const shapes = {};
  class Tensor {
    constructor(type, values, shape) {
      shapes[values.name] = shape;
    }
  }
  const session = { run: async () => ({}) };
  const record = {
    kind: "segmenter-points",
    inputs: [{ name: "point_coords", shape: [1, 16, 2] }, { name: "mask_input", shape: [1, 1, 2, 2] }],
    outputs: [],
  };
  const named = (name, length) => Object.assign(new Float32Array(length), { name });
  await new OnnxNetwork({ Tensor }, session, record).run({
    point_coords: named("point_coords", 6),
    mask_input: named("mask_input", 4),
  });
  assert.deepEqual(shapes, { point_coords: [1, 3, 2], mask_input: [1, 1, 2, 2] });
});

test("a manifest of another version or contract is refused", async () => {
  for (const [pattern, changes] of [
    [/schema version 99/, (content) => void (content.schema_version = 99)],
    [/schema version undefined/, () => [1]],
    [/damaged/, (content) => void delete content.contract.looking],
    [/damaged/, (content) => void delete content.bounds],
    [/lacks bounds of fp32/, ({ bounds }) => void delete bounds.fp32.max_iou_error],
    [/no ONNX file of the detector/, ({ networks }) => void (networks[1].artifacts = [])],
    [/has no segmenter/, ({ networks }) => void networks.shift()],
    [/has 2 graphs/, ({ networks }) => void networks[0].graphs.push({})],
    [/320.5 pixels/, ({ networks }) => void (networks[0].input_size = 320.5)],
    [/has 5 where/, ({ networks }) => void (networks[0].preprocessing.pad_byte = 5)],
    [/has 7 where/, (content) => void (content.contract.mask_cleaning.numbers.speck_area = 7)],
    [/has 9 where/, ({ networks }) => void (networks[1].rules.click_sampling.peak = 9)],
    [/lists the file "..\/x"/, ({ networks }) => void (networks[0].artifacts[1].graphs[0].file = "../x")],
  ]) {
    const reading = readBundle(filesOf(changes));
    await assert.rejects(reading, (error) => {
      assert.ok(error instanceof ArtifactError);
      assert.match(error.message, pattern);
      return true;
    });
  }
  const missing = async () => {
    throw new Error("HTTP 404");
  };
  await assert.rejects(readBundle(missing), /manifest.json cannot be read \(HTTP 404\)/);
  await assert.rejects(readBundle(async () => new Uint8Array([123])), /damaged/);
});

test("a network of other tensors is refused, and calls of a session wait in a row", async () => {
  const { segmenter: record } = await readBundle(filesOf());
  let running = 0;
  const session = {
    inputNames: record.inputs.map(({ name }) => name),
    outputNames: record.outputs.map(({ name }) => name),
    run: async () => {
      assert.equal(++running, 1);
      await new Promise(setImmediate);
      running--;
      return { low_res_masks: { data: [1] }, iou_predictions: { data: [2] } };
    },
  };
  const ort = {
    InferenceSession: { create: async () => session },
    Tensor: class {},
  };
  const network = await OnnxNetwork.load(ort, new Uint8Array(), record);
  const both = await Promise.all([network.run({}), network.run({})]);
  assert.deepEqual(both[1], { low_res_masks: [1], iou_predictions: [2] });
  session.inputNames = ["image"];
  await assert.rejects(OnnxNetwork.load(ort, new Uint8Array(), record), ArtifactError);
  ort.InferenceSession.create = async () => {
    throw new Error("no available backend\nsecond line");
  };
  await assert.rejects(OnnxNetwork.load(ort, new Uint8Array(), record), /\(no available backend\)/);
});
