/// The constants of `squeezesam/spec.py` that ports need.
///
/// A test holds these numbers to those of Python, and `ExportBundle` refuses a bundle that was
/// exported with others.
public enum Spec {
    public static let mapStride = 2
    public static let saliencyStride = 4
    public static let heatLevels = 255
    public static let pixelMean: Float = 128
    public static let pixelScale: Float = 1 / 128
    public static let padByte: UInt8 = 128
    public static let discRadius: Float = 2.5
    public static let pointSlots = 14
    public static let boxSlots = 2
    public static let tokenSlots = pointSlots + boxSlots
    public static let positionFrequencies = 6
    public static let positionFeatures = 4 * positionFrequencies
    public static let tokenKinds = 4
    public static let tokenFeatures = positionFeatures + tokenKinds
    public static let numMasks = 4
    public static let maskThreshold: Float = 0
    public static let flippedLogit: Float = 0.0625
    public static let outsideLogit: Float = -8
    public static let edgeSharpness = 2.0

    /// The longest side of a photo in pixels; what JPEG can declare.
    public static let maxPhotoSide = 65535
    /// The most pixels of a photo: what fits into the memory of a phone three times over.
    public static let maxPhotoPixels = 200_000_000
    /// The longest side of an input in pixels.
    public static let maxInputSize = 2048
}

/// Names of the tensors of our networks.
public enum TensorName {
    public static let image = "image"
    public static let promptMaps = "prompt_maps"
    public static let promptTokens = "prompt_tokens"
    public static let lowResMasks = "low_res_masks"
    public static let iouPredictions = "iou_predictions"
    public static let saliencyLogits = "saliency_logits"
}

/// Codes of point labels, with segment-anything's meaning.
public enum PointLabel: Int, CaseIterable, Sendable {
    case pad = -1
    case negative = 0
    case positive = 1
    case boxTopLeft = 2
    case boxBottomRight = 3
}

/// Channels of `prompt_maps`.
public enum MapChannel: Int, CaseIterable, Sendable {
    case positive
    case negative
    case box
    case previousMask
}

/// The kinds of network that the kit runs.
public enum NetworkKind: String, Codable, Sendable {
    case segmenter
    case detector
}

/// The numbers of the mask cleaning, in mask pixels.
public struct MaskCleaning: Codable, Equatable, Sendable {
    /// The fewest pixels of a region that no click asks for; 0 keeps all.
    public var speckArea: Int
    /// The fewest pixels of a gap; 0 keeps all.
    public var pinholeArea: Int

    public init(speckArea: Int = 16, pinholeArea: Int = 16) {
        self.speckArea = speckArea
        self.pinholeArea = pinholeArea
    }

    /// - Throws: `SqueezeSAMError.config` where a number is negative.
    func check() throws {
        try checkRange("speckArea", speckArea, 0...Int.max)
        try checkRange("pinholeArea", pinholeArea, 0...Int.max)
    }
}

/// The numbers of the closer look.
public struct Looking: Codable, Equatable, Sendable {
    /// The side of the view in percent of the long side of what it is around.
    public var surroundings: Int
    /// The least side of the view in photo pixels.
    public var smallest: Int

    public init(surroundings: Int = 150, smallest: Int = 64) {
        self.surroundings = surroundings
        self.smallest = smallest
    }

    /// - Throws: `SqueezeSAMError.config` where a number is too small.
    func check() throws {
        try checkRange("surroundings", surroundings, 100...Int.max)
        try checkRange("smallest", smallest, 1...Int.max)
    }
}

/// The choices of the click sampling; see `ClickSampling` in
/// `squeezesam/inference/saliency_prompt.py`.
public struct ClickSampling: Codable, Equatable, Sendable {
    public var threshold: Int
    public var peak: Int
    public var smallestPerMille: Int
    public var clicks: Int

    public init(
        threshold: Int = 240, peak: Int = 244, smallestPerMille: Int = 4, clicks: Int = 5
    ) {
        self.threshold = threshold
        self.peak = peak
        self.smallestPerMille = smallestPerMille
        self.clicks = clicks
    }

    /// - Throws: `SqueezeSAMError.config` where a number is out of its range.
    func check() throws {
        try checkRange("threshold", threshold, 1...255)
        try checkRange("peak", peak, 1...255)
        try checkRange("smallestPerMille", smallestPerMille, 0...1000)
        try checkRange("clicks", clicks, 1...5)
    }
}

private func checkRange(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
        let high = range.upperBound == Int.max ? "" : " and at most \(range.upperBound)"
        throw SqueezeSAMError.config(
            "\(name)=\(value) must be at least \(range.lowerBound)\(high)")
    }
}

/// Whole places: pixels of a mask, a heat map or a photo.
public struct Pixel: Hashable, Sendable {
    public var x: Int
    public var y: Int

    public init(_ x: Int, _ y: Int) {
        self.x = x
        self.y = y
    }
}

/// A place on a photo, in photo pixels. In JSON it is a list of two numbers.
public struct Point: Hashable, Decodable, Sendable {
    public var x: Float
    public var y: Float

    public init(_ x: Float, _ y: Float) {
        self.x = x
        self.y = y
    }

    public init(from decoder: any Decoder) throws {
        let places = try numbers(decoder, count: 2)
        self.init(places[0], places[1])
    }
}

/// A box in photo pixels, from its top left to its bottom right corner. In JSON it is a list of four
/// numbers.
public struct Box: Hashable, Decodable, Sendable {
    public var x0: Float
    public var y0: Float
    public var x1: Float
    public var y1: Float

    public init(_ x0: Float, _ y0: Float, _ x1: Float, _ y1: Float) {
        self.x0 = x0
        self.y0 = y0
        self.x1 = x1
        self.y1 = y1
    }

    public init(from decoder: any Decoder) throws {
        let edges = try numbers(decoder, count: 4)
        self.init(edges[0], edges[1], edges[2], edges[3])
    }

    var edges: [Float] { [x0, y0, x1, y1] }
}

/// The numbers of a list in JSON that must have so many.
private func numbers(_ decoder: any Decoder, count: Int) throws -> [Float] {
    let found = try decoder.singleValueContainer().decode([Float].self)
    guard found.count == count else {
        throw DecodingError.dataCorrupted(
            DecodingError.Context(
                codingPath: decoder.codingPath,
                debugDescription: "\(found.count) numbers instead of \(count)"))
    }
    return found
}
