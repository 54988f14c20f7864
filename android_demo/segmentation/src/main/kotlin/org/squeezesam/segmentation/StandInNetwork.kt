package org.squeezesam.segmentation

/**
 * Arithmetic in the place of a network, as `squeezesam/vectors/answers.py` defines it, so that the
 * code around a network can be checked without one.
 */
internal open class StandInNetwork(override val kind: NetworkKind, override val inputSize: Int) : LoadedNetwork {
    override fun run(inputs: Map<String, FloatArray>): Map<String, FloatArray> {
        val image = inputs.getValue(Spec.IMAGE)
        if (kind == NetworkKind.DETECTOR) {
            val heat = light(image, Spec.SALIENCY_STRIDE)
            return mapOf(Spec.SALIENCY_LOGITS to FloatArray(heat.size) { 12 * heat[it] })
        }
        val bright = light(image, Spec.MAP_STRIDE)
        val (maps, area) = inputs.getValue(Spec.PROMPT_MAPS) to bright.size
        val masks = FloatArray(Spec.NUM_MASKS * area) {
            val at = it % area
            val (positive, negative) = maps[at] to maps[area + at]
            val prompts = 3 * positive - 3 * negative + 2 * maps[2 * area + at] + 3 * maps[3 * area + at]
            8 * bright[at] + prompts - 1 - 0.5f * (it / area)
        }
        val sum = inputs.getValue(Spec.PROMPT_TOKENS).sum()
        return mapOf(
            Spec.LOW_RES_MASKS to masks,
            Spec.IOU_PREDICTIONS to FloatArray(Spec.NUM_MASKS) { sum / 100 + it },
        )
    }

    /** The mean of the channels at every so many pixels. */
    private fun light(image: FloatArray, stride: Int): FloatArray {
        val (side, plane) = inputSize / stride to inputSize * inputSize
        return FloatArray(side * side) {
            val at = it / side * stride * inputSize + it % side * stride
            (image[at] + image[plane + at] + image[2 * plane + at]) / 3
        }
    }
}
