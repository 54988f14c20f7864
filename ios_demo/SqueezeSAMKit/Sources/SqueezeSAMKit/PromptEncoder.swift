import Foundation

/// Checked prompts in the pixels of one photo.
public struct Prompts: Equatable, Sendable {
    /// Places of the clicks, oldest first.
    public let coords: [Point]
    /// Their labels, positive or negative.
    public let labels: [PointLabel]
    public let box: Box?

    package init(coords: [Point], labels: [PointLabel], box: Box?) {
        self.coords = coords
        self.labels = labels
        self.box = box
    }

    /// Checks prompts against a photo and settles duplicates and contradictions: of clicks on the
    /// same place the latest wins, and a box is clipped to the photo.
    ///
    /// - Parameters:
    ///   - pointCoords: clicks in photo pixels.
    ///   - pointLabels: 1 for the object, 0 for the background, -1 for a click to ignore.
    ///   - box: in photo pixels.
    ///   - width: of the photo.
    ///   - height: of the photo.
    /// - Throws: `SqueezeSAMError.prompt` where a value has no meaning on this photo.
    public init(
        pointCoords: [Point], pointLabels: [Int], box: Box?, width: Int, height: Int
    ) throws {
        guard pointCoords.count == pointLabels.count else {
            throw SqueezeSAMError.prompt(
                "there are \(pointCoords.count) clicks and \(pointLabels.count) labels; "
                    + "give one label for each click")
        }
        var latest: [Point: Int] = [:]
        for (index, (place, code)) in zip(pointCoords, pointLabels).enumerated() {
            guard let label = PointLabel(rawValue: code), label.rawValue <= 1 else {
                throw SqueezeSAMError.prompt(
                    "unknown point label \(code); use 1 (object), 0 (background) or -1 (unused)")
            }
            guard place.x.isFinite, place.y.isFinite else {
                throw SqueezeSAMError.prompt(
                    "point (\(place.x), \(place.y)) has no place; give finite numbers")
            }
            if label == .pad { continue }
            guard place.x >= 0, place.x < Float(width), place.y >= 0, place.y < Float(height)
            else {
                throw SqueezeSAMError.prompt(
                    "point (\(place.x), \(place.y)) is outside the \(width)x\(height) image; "
                        + "x must be in [0, \(width)), y in [0, \(height))")
            }
            latest[place] = index
        }
        let kept = latest.values.sorted()
        coords = kept.map { pointCoords[$0] }
        labels = kept.map { pointLabels[$0] == 1 ? .positive : .negative }
        self.box = try box.map { try clipped($0, width: width, height: height) }
    }

    /// Sees that the prompts, without an earlier mask, say where the object is.
    ///
    /// - Throws: `SqueezeSAMError.prompt` where there are none, or only clicks on what does not
    ///   belong to it.
    package func checkAsks() throws {
        if box != nil || labels.contains(.positive) { return }
        throw SqueezeSAMError.prompt(
            coords.isEmpty
                ? "no prompt; give at least one click, a box or an earlier mask"
                : "negative clicks alone do not say what is meant; add a positive click on the "
                    + "object, a box around it, or an earlier mask of it")
    }
}

private func clipped(_ box: Box, width: Int, height: Int) throws -> Box {
    let part = Box(
        max(box.x0, 0), max(box.y0, 0), min(box.x1, Float(width)), min(box.y1, Float(height)))
    guard box.edges.allSatisfy(\.isFinite), part.x0 < part.x1, part.y0 < part.y1 else {
        throw SqueezeSAMError.prompt(
            "box (\(box.x0), \(box.y0), \(box.x1), \(box.y1)) covers nothing of the "
                + "\(width)x\(height) image; give x0, y0, x1, y1 with x0 < x1 and y0 < y1")
    }
    return part
}

/// What a segmenter is given beside the picture.
public struct EncodedPrompts: Equatable, Sendable {
    /// [1, 4, size/2, size/2].
    public let maps: [Float]
    /// [1, 16, 28].
    public let tokens: [Float]
}

/// Prompts as the network's input tensors. The arithmetic is that of `squeezesam/inference/prompts.py`,
/// in 32-bit floats.
public struct PromptEncoder: Sendable {
    private let letterbox: Letterbox

    /// - Parameter letterbox: of the photo, or of the part of it that the prompts are on.
    public init(_ letterbox: Letterbox) {
        self.letterbox = letterbox
    }

    /// - Parameters:
    ///   - prompts: in photo pixels.
    ///   - maskInput: [size/2, size/2] logits of an earlier answer.
    public func encode(_ prompts: Prompts, maskInput: [Float]? = nil) -> EncodedPrompts {
        let scale = Point(
            Float(Double(letterbox.inside.x) / Double(letterbox.width)),
            Float(Double(letterbox.inside.y) / Double(letterbox.height)))
        // A click names a pixel; its centre lies half a pixel further. A box names edges.
        let places = prompts.coords.map { Point(($0.x + 0.5) * scale.x, ($0.y + 0.5) * scale.y) }
        let corners = prompts.box.map { box in
            [Point(box.x0 * scale.x, box.y0 * scale.y), Point(box.x1 * scale.x, box.y1 * scale.y)]
        }
        let side = letterbox.maskSide
        var maps: [Float] = []
        for label in [PointLabel.positive, .negative] {
            maps += discs(at: zip(places, prompts.labels).filter { $0.1 == label }.map(\.0), side)
        }
        maps += corners.map { filled($0, side) } ?? Array(repeating: 0, count: side * side)
        maps += maskInput?.map { tanh($0 / 2) } ?? Array(repeating: 0, count: side * side)

        var tokens = [Float](repeating: 0, count: Spec.tokenSlots * Spec.tokenFeatures)
        let latest = zip(places, prompts.labels).suffix(Spec.pointSlots)
        for (slot, (place, label)) in zip((Spec.pointSlots - latest.count)..., latest) {
            write(place, label, to: slot, of: &tokens)
        }
        if let corners {
            write(corners[0], .boxTopLeft, to: Spec.pointSlots, of: &tokens)
            write(corners[1], .boxBottomRight, to: Spec.pointSlots + 1, of: &tokens)
        }
        return EncodedPrompts(maps: maps, tokens: tokens)
    }

    /// The Fourier features of a place in input pixels and the one-hot kind of its label.
    private func write(_ place: Point, _ label: PointLabel, to slot: Int, of tokens: inout [Float])
    {
        var at = slot * Spec.tokenFeatures
        for unit in [place.x / Float(letterbox.size), place.y / Float(letterbox.size)] {
            for k in 0..<Spec.positionFrequencies {
                let angle = unit * Float(exp2(Double(k)) * .pi)
                tokens[at + k] = sin(angle)
                tokens[at + k + Spec.positionFrequencies] = cos(angle)
            }
            at += 2 * Spec.positionFrequencies
        }
        tokens[at + label.rawValue] = 1
    }
}

/// Anti-aliased discs at places in input pixels.
private func discs(at places: [Point], _ side: Int) -> [Float] {
    var map = [Float](repeating: 0, count: side * side)
    let reach = Spec.discRadius + 0.5
    for place in places {
        let (x, y) = (place.x / Float(Spec.mapStride), place.y / Float(Spec.mapStride))
        func near(_ at: Float) -> Range<Int> {
            let start = min(max(0, Int((at - reach - 1).rounded(.down))), side)
            return start..<max(start, min(side, Int((at + reach + 1).rounded(.up))))
        }
        for row in near(y) {
            for column in near(x) {
                let (across, down) = (Float(column) + 0.5 - x, Float(row) + 0.5 - y)
                let shade = min(max(reach - (across * across + down * down).squareRoot(), 0), 1)
                map[row * side + column] = max(map[row * side + column], shade)
            }
        }
    }
    return map
}

/// The share of each map pixel that a box covers, of which the corners are in input pixels.
private func filled(_ corners: [Point], _ side: Int) -> [Float] {
    let stride = Float(Spec.mapStride)
    func covered(_ low: Float, _ high: Float) -> [Float] {
        (0..<side).map { i in
            min(max(min(Float(i + 1), high / stride) - max(Float(i), low / stride), 0), 1)
        }
    }
    let across = covered(corners[0].x, corners[1].x)
    return covered(corners[0].y, corners[1].y).flatMap { down in across.map { down * $0 } }
}
