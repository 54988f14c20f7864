/// What a network is given: the picture, and of a segmenter the encoded prompts.
public struct NetworkInputs: Sendable {
    public let image: InputImage
    public let prompts: EncodedPrompts?

    public init(image: InputImage, prompts: EncodedPrompts? = nil) {
        self.image = image
        self.prompts = prompts
    }

    /// The values of a tensor by its name, as runtimes take them that take numbers.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where the network wants a tensor that is none of ours.
    public func values(of name: String) throws -> [Float] {
        switch (name, prompts) {
        case (TensorName.image, _): return image.values
        case (TensorName.promptMaps, let prompts?): return prompts.maps
        case (TensorName.promptTokens, let prompts?): return prompts.tokens
        default:
            throw SqueezeSAMError.artifact(
                "the network takes a tensor \(name), which nobody gives; export again")
        }
    }
}

/// A loaded network, whatever runs it.
public protocol NetworkRuntime: Sendable {
    var kind: NetworkKind { get }
    /// Side of its square picture in pixels.
    var inputSize: Int { get }
    /// How long it took to load, apart from any prediction.
    var loadTime: Duration { get }

    /// Runs the network.
    ///
    /// - Returns: the values of all outputs by their names.
    /// - Throws: `SqueezeSAMError.artifact` where the runtime fails.
    func run(_ inputs: NetworkInputs) async throws -> [String: [Float]]
}

extension NetworkRuntime {
    /// An output, once it has proved to have so many finite numbers.
    func checked(_ outputs: [String: [Float]], _ name: String, count: Int) throws -> [Float] {
        guard let values = outputs[name], values.count == count else {
            throw SqueezeSAMError.artifact(
                "the \(kind.rawValue) answers \(outputs[name]?.count ?? 0) numbers as \(name), "
                    + "not \(count); export again")
        }
        guard values.allSatisfy(\.isFinite) else {
            throw SqueezeSAMError.artifact(
                "the \(kind.rawValue) answers NaN or infinity; use other weights or precision")
        }
        return values
    }
}
