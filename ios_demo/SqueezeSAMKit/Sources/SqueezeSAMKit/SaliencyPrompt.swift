import Foundation

/// The saliency prompt: from the detector's answer to five clicks on the most prominent object. The
/// rules are written down in `docs/salient.md` and `squeezesam/inference/saliency_prompt.py`.
public struct SaliencyPrompt: Sendable {
    /// What was found in a heat map.
    public struct SalientObject: Equatable, Sendable {
        /// Pixels of the blob.
        public let area: Int
        /// In pixels of the heat map.
        public let clicks: [Pixel]
    }

    public let sampling: ClickSampling

    public init(_ sampling: ClickSampling = ClickSampling()) {
        self.sampling = sampling
    }

    /// The byte of the heat map for a logit.
    public static func heatByte(_ logit: Float) -> UInt8 {
        let level = Double(Spec.heatLevels) * (1 + tanh(Double(logit) / 2)) / 2
        return UInt8((level + 0.5).rounded(.down))
    }

    /// The most salient object of a heat map, row by row; nil where nothing stands out.
    public func salientObject(in heat: [UInt8], width: Int) -> SalientObject? {
        let hot = heat.map { Int($0) >= sampling.threshold }
        let blobs = Pieces(hot, width: width, corners: true)
        guard blobs.areas.count > 1 else { return nil }
        var sums = [Int](repeating: 0, count: blobs.areas.count)
        for (number, byte) in zip(blobs.numbers, heat) where number > 0 {
            sums[number] += Int(byte)
        }
        guard let most = sums.max(), let chosen = sums.firstIndex(of: most) else { return nil }
        let inside = heat.indices.filter { blobs.numbers[$0] == chosen }
        let peak = inside.map { Int(heat[$0]) }.max() ?? 0
        let isLarge = 1000 * inside.count >= sampling.smallestPerMille * heat.count
        guard isLarge, peak >= sampling.peak else { return nil }
        let pixels = inside.map { Pixel($0 % width, $0 / width) }
        let clicks = sectionClicks(pixels).prefix(sampling.clicks)
        return SalientObject(area: inside.count, clicks: Array(clicks))
    }
}

/// Clicks on the centre of mass of a blob, and of its four sections.
private func sectionClicks(_ pixels: [Pixel]) -> [Pixel] {
    let whole = nearestToCentre(pixels)
    let sections = [(false, false), (true, false), (false, true), (true, true)]
    return [whole]
        + sections.map { right, below in
            let section = pixels.filter { ($0.x > whole.x) == right && ($0.y > whole.y) == below }
            return section.isEmpty ? whole : nearestToCentre(section)
        }
}

/// The pixel that is nearest to the centre of mass of pixels, the first of equals. There is at
/// least one.
private func nearestToCentre(_ pixels: [Pixel]) -> Pixel {
    let (sumX, sumY) = pixels.reduce((0, 0)) { ($0.0 + $1.x, $0.1 + $1.y) }
    var (nearest, least) = (pixels[0], Int.max)
    for pixel in pixels {
        let (across, down) = (pixels.count * pixel.x - sumX, pixels.count * pixel.y - sumY)
        let distance = across * across + down * down
        if distance < least { (nearest, least) = (pixel, distance) }
    }
    return nearest
}

/// What stands out in a photo.
public struct Finding: Sendable {
    /// [size/4, size/4], as the detector gives them.
    public let saliencyLogits: [Float]
    /// Of the photo in the detector's input.
    public let letterbox: Letterbox
    /// The part of the heat map that lies on the photo: bytes, row by row.
    public let heat: [UInt8]
    /// Nil where nothing stands out.
    public let salient: SaliencyPrompt.SalientObject?

    public init(
        saliencyLogits: [Float], letterbox: Letterbox, sampling: ClickSampling = ClickSampling()
    ) {
        self.saliencyLogits = saliencyLogits
        self.letterbox = letterbox
        let (size, side) = (letterbox.heatSize, letterbox.size / Spec.saliencyStride)
        heat = (0..<size.y).flatMap { y in
            (0..<size.x).map { x in SaliencyPrompt.heatByte(saliencyLogits[y * side + x]) }
        }
        salient = SaliencyPrompt(sampling).salientObject(in: heat, width: size.x)
    }

    /// The clicks in photo pixels, all positive; empty where nothing stands out.
    public var coords: [Point] {
        (salient?.clicks ?? []).map(letterbox.photoPixel).map { Point(Float($0.x), Float($0.y)) }
    }

    /// The heat map as an earlier mask of the photo: [S/2, S/2] logits.
    ///
    /// - Parameter photo: letterbox of the photo in the segmenter's input, of S pixels.
    public func maskInput(_ photo: Letterbox) -> [Float] {
        let (heatSide, side) = (letterbox.size / Spec.saliencyStride, letterbox.maskSide)
        let logits = resizedValues(
            saliencyLogits, width: heatSide, height: heatSide, toWidth: side, toHeight: side)
        let whole = PhotoCrop.whole(width: photo.width, height: photo.height)
        return Looks.ontoView(logits, photo: letterbox, view: whole, letterbox: photo)
    }
}
