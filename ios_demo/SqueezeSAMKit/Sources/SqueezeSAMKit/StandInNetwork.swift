/// Arithmetic in the place of a network, as `squeezesam/vectors/answers.py` defines it, so that the
/// code around a network can be checked without one.
package struct StandInNetwork: NetworkRuntime {
    package let kind: NetworkKind
    package let inputSize: Int
    package let loadTime = Duration.zero

    package init(kind: NetworkKind, inputSize: Int) {
        self.kind = kind
        self.inputSize = inputSize
    }

    package func run(_ inputs: NetworkInputs) async throws -> [String: [Float]] {
        let image = inputs.image.values
        guard let prompts = inputs.prompts else {
            return [TensorName.saliencyLogits: light(image, Spec.saliencyStride).map { 12 * $0 }]
        }
        let bright = light(image, Spec.mapStride)
        let area = bright.count
        let logits = bright.indices.map { i -> Float in
            let maps = (0..<MapChannel.allCases.count).map { prompts.maps[$0 * area + i] }
            return 8 * bright[i] + 3 * maps[0] - 3 * maps[1] + 2 * maps[2] + 3 * maps[3] - 1
        }
        let sum = prompts.tokens.reduce(0, +)
        return [
            TensorName.lowResMasks: (0..<Spec.numMasks).flatMap { mask in
                logits.map { $0 - 0.5 * Float(mask) }
            },
            TensorName.iouPredictions: (0..<Spec.numMasks).map { sum / 100 + Float($0) },
        ]
    }

    /// The mean of the channels at every so many pixels.
    private func light(_ image: [Float], _ stride: Int) -> [Float] {
        let (side, plane) = (inputSize / stride, inputSize * inputSize)
        return (0..<(side * side)).map { index in
            let at = index / side * stride * inputSize + index % side * stride
            return (image[at] + image[plane + at] + image[2 * plane + at]) / 3
        }
    }
}
