/// Masks as a look at a part of a photo gives them.
public struct MaskAnswer: Sendable {
    /// [C][size/2 * size/2] of the view, cleaned.
    public let logits: [[Float]]
    /// [C], as the network gives them.
    public let iouPredictions: [Float]
    /// The part of the photo that was looked at.
    public let view: PhotoCrop
    /// Of the view.
    public let letterbox: Letterbox
    /// Letterbox of the whole photo.
    public let photo: Letterbox

    /// The logits of the masks of the whole photo, for the next prediction.
    public var lowResMasks: [[Float]] {
        if view.isWhole(photo) { return logits }
        return logits.map {
            Looks.ontoPhoto($0, view: view, letterbox: letterbox, photo: photo)
        }
    }

    /// Masks at the size of the photo.
    public func photoMasks() -> [[Bool]] {
        let enlarging = MaskUpsampling(letterbox)
        return logits.map { placed(enlarging.photoMask($0), outside: false) }
    }

    /// Logits at the size of the photo.
    public func photoLogits() -> [[Float]] {
        let enlarging = MaskUpsampling(letterbox)
        return logits.map { placed(enlarging.photoLogits($0), outside: Spec.outsideLogit) }
    }

    /// Opacities of soft cut-outs at the size of the photo.
    public func photoAlphas() -> [[UInt8]] {
        let enlarging = MaskUpsampling(letterbox)
        return logits.map { placed(enlarging.photoAlpha($0), outside: 0) }
    }

    /// Values of the view at its place in the photo.
    private func placed<Value>(_ part: [Value], outside: Value) -> [Value] {
        if view.isWhole(photo) { return part }
        var whole = [Value](repeating: outside, count: photo.width * photo.height)
        for y in 0..<view.height {
            let start = (view.top + y) * photo.width + view.left
            let row = part[(y * view.width)..<((y + 1) * view.width)]
            whole.replaceSubrange(start..<(start + view.width), with: row)
        }
        return whole
    }
}

/// What `SamPredictor.predict` gives.
public struct Prediction: Sendable {
    /// [C][height * width] of the photo.
    public let masks: [[Bool]]
    /// [C].
    public let iouPredictions: [Float]
    /// [C][size/2 * size/2] logits of the whole photo; one of them is the `maskInput` of the next
    /// call.
    public let lowResMasks: [[Float]]

    init(_ answer: MaskAnswer) {
        masks = answer.photoMasks()
        iouPredictions = answer.iouPredictions
        lowResMasks = answer.lowResMasks
    }
}
