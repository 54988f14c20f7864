/**
 * SqueezeSAM without Python: promptable segmentation by the ONNX artifacts of `squeezesam export`.
 *
 * Names and meaning are those of the Python package, with camel case where JavaScript has it. There is
 * no build step and no dependency: ONNX Runtime is handed to `OnnxNetwork.load`. `docs/web.md` shows
 * how the parts go together.
 */

export * from "./errors.js";
export { Letterbox } from "./letterbox.js";
export { Bundle, readBundle, SCHEMA_VERSION } from "./manifest.js";
export { MaskAnswer, SamPredictor } from "./predictor.js";
export { OnnxNetwork } from "./runtime.js";
export { Finding } from "./saliency.js";
export { SaliencyPredictor } from "./saliency_predictor.js";
export { PointLabel } from "./spec.js";
