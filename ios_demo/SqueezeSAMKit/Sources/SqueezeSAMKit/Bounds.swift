/// What `squeezesam verify` requires of a scheme, next to PyTorch's answers; see `Scheme` in
/// `export/squeezesam_export/quantization/schemes.py`.
public struct Bounds: Codable, Equatable, Sendable {
    /// The smallest IoU of mask 0 of a golden case.
    public let minMaskIou: Float
    /// The mean IoU of all masks of all golden cases.
    public let meanMaskIou: Float
    /// By how much a predicted IoU may be off.
    public let maxIouError: Float
    /// By how many pixels of the heat map a click may be off.
    public let maxClickDistance: Float

    /// By the name of the scheme.
    public static let ofScheme = [
        "fp32": Bounds(0.995, 0.999, 0.001, 0), "fp16": Bounds(0.995, 0.997, 0.01, 1),
        "int8": Bounds(0.8, 0.95, 0.15, 4), "w8a16": Bounds(0.9, 0.98, 0.1, 2),
        "int8-weights": Bounds(0.9, 0.98, 0.05, 2), "palette6": Bounds(0.8, 0.95, 0.15, 4),
        "palette4": Bounds(0.5, 0.8, 0.3, 8),
    ]

    private init(_ least: Float, _ mean: Float, _ iouError: Float, _ clickDistance: Float) {
        minMaskIou = least
        meanMaskIou = mean
        maxIouError = iouError
        maxClickDistance = clickDistance
    }
}
