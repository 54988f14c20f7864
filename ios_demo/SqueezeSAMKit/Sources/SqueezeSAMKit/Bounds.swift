/// What `squeezesam verify` requires of the artifacts of a scheme, next to PyTorch's answers, as the
/// manifest tells it.
public struct Bounds: Decodable, Equatable, Sendable {
    /// The smallest IoU of mask 0 of a golden case.
    public let minMaskIou: Float
    /// The mean IoU of all masks of all golden cases.
    public let meanMaskIou: Float
    /// By how much a predicted IoU may be off.
    public let maxIouError: Float
    /// By how many pixels of the heat map a click may be off.
    public let maxClickDistance: Float
}
