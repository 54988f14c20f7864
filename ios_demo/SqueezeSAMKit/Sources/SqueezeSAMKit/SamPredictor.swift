import Foundation

/// What a prediction is asked. Without any prompt, the most prominent object is meant.
public struct Question: Sendable {
    /// Clicks in photo pixels.
    public var pointCoords: [Point]
    /// Of each click 1 for the object, 0 for the background, -1 for one to ignore.
    public var pointLabels: [Int]
    /// In photo pixels.
    public var box: Box?
    /// [size/2 * size/2], one of the `lowResMasks` of an earlier answer on the same photo.
    public var maskInput: [Float]?
    /// Three alternative masks instead of the one whole object.
    public var multimaskOutput: Bool

    public init(
        pointCoords: [Point] = [], pointLabels: [Int] = [], box: Box? = nil,
        maskInput: [Float]? = nil, multimaskOutput: Bool = true
    ) {
        self.pointCoords = pointCoords
        self.pointLabels = pointLabels
        self.box = box
        self.maskInput = maskInput
        self.multimaskOutput = multimaskOutput
    }

    fileprivate var isEmpty: Bool {
        pointCoords.isEmpty && pointLabels.isEmpty && box == nil && maskInput == nil
    }
}

/// How a predictor works.
public struct PredictorOptions: Sendable {
    /// Nil leaves masks as the network gives them.
    public var cleaning: MaskCleaning?
    /// Nil looks once, at the whole photo.
    public var looking: Looking?
    public var sampling: ClickSampling
    /// Is told how long each stage took.
    public var onStage: (@Sendable (String, Duration) -> Void)?

    public init(
        cleaning: MaskCleaning? = MaskCleaning(), looking: Looking? = Looking(),
        sampling: ClickSampling = ClickSampling(),
        onStage: (@Sendable (String, Duration) -> Void)? = nil
    ) {
        self.cleaning = cleaning
        self.looking = looking
        self.sampling = sampling
        self.onStage = onStage
    }
}

/// Masks for one photo after another, with the meaning of `squeezesam/inference/predictor.py` and
/// `squeezesam/inference/saliency_predictor.py`.
///
/// An answer is about the photo that was set when it was asked, even where another one is set before
/// the answer is there.
public actor SamPredictor {
    private struct SetPhoto: Sendable {
        let id: Int
        let photo: Photo
        let letterbox: Letterbox
    }

    public nonisolated let model: any NetworkRuntime
    public nonisolated let detector: (any NetworkRuntime)?
    public nonisolated let options: PredictorOptions
    private var current: SetPhoto?
    private var photosSet = 0
    /// Of the photo that is set; the detector runs once for each photo.
    private var finding: Task<Finding, any Error>?

    /// - Parameters:
    ///   - model: the segmenter.
    ///   - detector: the saliency detector; without it, there is no mask without a prompt.
    ///   - options: how the predictor works.
    /// - Throws: `SqueezeSAMError.config` where one is in the other's place, or an option is out of
    ///   its range.
    public init(
        model: any NetworkRuntime, detector: (any NetworkRuntime)? = nil,
        options: PredictorOptions = PredictorOptions()
    ) throws {
        try check(model, "model", is: .segmenter)
        if let detector { try check(detector, "detector", is: .detector) }
        try options.cleaning?.check()
        try options.looking?.check()
        try options.sampling.check()
        self.model = model
        self.detector = detector
        self.options = options
    }

    /// Forgets the photo.
    public func resetImage() {
        current = nil
        finding = nil
    }

    /// Whether there is a photo to predict on.
    public var isImageSet: Bool { current != nil }

    /// Takes the photo that the next predictions are about.
    public func setImage(_ photo: Photo) {
        photosSet += 1
        let letterbox = Letterbox(
            width: photo.width, height: photo.height, size: model.inputSize)
        current = SetPhoto(id: photosSet, photo: photo, letterbox: letterbox)
        finding = nil
    }

    /// Masks of what the prompts mean on the photo; without any, the most prominent object.
    ///
    /// - Throws: `SqueezeSAMError.image` where no photo is set, `.prompt` where a prompt has no
    ///   meaning on it, `.noSalientObject` where nothing is asked and nothing stands out, and
    ///   `.artifact` where a network fails.
    public func predict(_ question: Question = Question()) async throws -> Prediction {
        Prediction(try await answer(question))
    }

    /// As `predict`, before the masks are brought to the size of the photo.
    public func answer(_ question: Question = Question()) async throws -> MaskAnswer {
        let photo = try currentPhoto()
        guard question.isEmpty, detector != nil else {
            return try await answer(question, on: photo)
        }
        let finding = try await finding(on: photo)
        guard finding.salient != nil else {
            throw SqueezeSAMError.noSalientObject(
                "nothing in this photo stands out; click on what you mean, or draw a box")
        }
        var automatic = question
        automatic.pointCoords = finding.coords
        automatic.pointLabels = finding.coords.map { _ in PointLabel.positive.rawValue }
        automatic.maskInput = finding.maskInput(photo.letterbox)
        return try await answer(automatic, on: photo)
    }

    /// Corrects the automatic mask: its own clicks, then yours, and the mask so far.
    ///
    /// - Parameter correction: all clicks of the user so far; a box is not used.
    public func edit(_ correction: Question) async throws -> Prediction {
        Prediction(try await editAnswer(correction))
    }

    /// As `edit`, before the masks are brought to the size of the photo.
    public func editAnswer(_ correction: Question) async throws -> MaskAnswer {
        let photo = try currentPhoto()
        let finding = try await finding(on: photo)
        var question = correction
        question.pointCoords = finding.coords + correction.pointCoords
        question.pointLabels =
            finding.coords.map { _ in PointLabel.positive.rawValue } + correction.pointLabels
        question.box = nil
        return try await answer(question, on: photo)
    }

    /// What stands out in the photo; the detector runs once for each photo.
    ///
    /// - Throws: `SqueezeSAMError.image` where no photo is set, `.config` where there is no detector,
    ///   and `.artifact` where it fails.
    public func findSalientObject() async throws -> Finding {
        try await finding(on: currentPhoto())
    }

    private func finding(on photo: SetPhoto) async throws -> Finding {
        guard let detector else {
            throw SqueezeSAMError.config("there is no detector; give one to the predictor")
        }
        if photo.id == current?.id, let finding { return try await finding.value }
        let work = Task { try await self.detect(photo, with: detector) }
        if photo.id == current?.id { finding = work }
        do {
            return try await work.value
        } catch {
            if photo.id == current?.id { finding = nil }  // so that the next call tries again
            throw error
        }
    }

    private func detect(
        _ photo: SetPhoto, with detector: any NetworkRuntime
    ) async throws -> Finding {
        let pixels = photo.photo
        let letterbox = Letterbox(
            width: pixels.width, height: pixels.height, size: detector.inputSize)
        let image = timed("detector: prepare") { letterbox.apply(pixels) }
        let outputs = try await timed("detector: network") {
            try await detector.run(NetworkInputs(image: image))
        }
        let side = detector.inputSize / Spec.saliencyStride
        let logits = try detector.checked(outputs, TensorName.saliencyLogits, count: side * side)
        return timed("detector: clicks") {
            Finding(saliencyLogits: logits, letterbox: letterbox, sampling: options.sampling)
        }
    }

    private func answer(_ question: Question, on photo: SetPhoto) async throws -> MaskAnswer {
        let whole = photo.letterbox
        let prompts = try Prompts(
            pointCoords: question.pointCoords, pointLabels: question.pointLabels,
            box: question.box, width: whole.width, height: whole.height)
        if question.maskInput == nil { try prompts.checkAsks() }
        let given = try question.maskInput.map { try checkedMask($0, side: whole.maskSide) }
        let channels = question.multimaskOutput ? 1..<Spec.numMasks : 0..<1
        let all = PhotoCrop.whole(width: whole.width, height: whole.height)
        func look(
            _ name: String, _ view: PhotoCrop, _ letterbox: Letterbox, _ prompts: Prompts,
            _ previous: [Float]?, _ channels: Range<Int>
        ) async throws -> MaskAnswer {
            let inputs = timed("\(name): prepare") {
                NetworkInputs(
                    image: letterbox.apply(photo.photo, part: view),
                    prompts: PromptEncoder(letterbox).encode(prompts, maskInput: previous))
            }
            let outputs = try await timed("\(name): network") { try await model.run(inputs) }
            let (logits, ious) = try timed("\(name): clean") {
                try masks(of: outputs, channels, prompts, previous, letterbox)
            }
            return MaskAnswer(
                logits: logits, iouPredictions: ious, view: view, letterbox: letterbox, photo: whole
            )
        }
        guard let looking = options.looking else {
            return try await look("look", all, whole, prompts, given, channels)
        }
        var previous = given ?? []
        if given == nil {
            previous = try await look("glance", all, whole, prompts, nil, 0..<1).logits[0]
        }
        let found = whole.cropped(previous).map { $0 > Spec.maskThreshold }
        let view = Looks.surroundings(found, prompts, whole, looking)
        let letterbox = Letterbox(width: view.width, height: view.height, size: model.inputSize)
        let before = Looks.ontoView(previous, photo: whole, view: view, letterbox: letterbox)
        let moved = Looks.moved(prompts, to: view)
        return try await look("closer look", view, letterbox, moved, before, channels)
    }

    /// The cleaned logits and predicted IoUs of some channels of one inference.
    private func masks(
        of outputs: [String: [Float]], _ channels: Range<Int>, _ prompts: Prompts,
        _ previous: [Float]?, _ letterbox: Letterbox
    ) throws -> ([[Float]], [Float]) {
        let area = letterbox.maskSide * letterbox.maskSide
        let all = try model.checked(outputs, TensorName.lowResMasks, count: Spec.numMasks * area)
        let ious = try model.checked(outputs, TensorName.iouPredictions, count: Spec.numMasks)
        var masks = channels.map { Array(all[($0 * area)..<(($0 + 1) * area)]) }
        if let cleaning = options.cleaning {
            let asked = MaskCleanup.Asked(prompts, maskInput: previous, letterbox: letterbox)
            masks = masks.map { MaskCleanup(cleaning).cleaned($0, asked, letterbox) }
        }
        return (masks, Array(ious[channels]))
    }

    private func currentPhoto() throws -> SetPhoto {
        guard let current else {
            throw SqueezeSAMError.image("no photo is set; call setImage first")
        }
        return current
    }

    private func timed<Result>(_ stage: String, _ work: () throws -> Result) rethrows -> Result {
        let started = ContinuousClock.now
        defer { options.onStage?(stage, ContinuousClock.now - started) }
        return try work()
    }

    private func timed<Result: Sendable>(
        _ stage: String, _ work: () async throws -> Result
    ) async rethrows -> Result {
        let started = ContinuousClock.now
        defer { options.onStage?(stage, ContinuousClock.now - started) }
        return try await work()
    }
}

private func check(_ network: any NetworkRuntime, _ name: String, is kind: NetworkKind) throws {
    guard network.kind == kind else {
        throw SqueezeSAMError.config(
            "the \(name) is a \(network.kind.rawValue); give a \(kind.rawValue) in its place")
    }
}

private func checkedMask(_ mask: [Float], side: Int) throws -> [Float] {
    guard mask.count == side * side, mask.allSatisfy(\.isFinite) else {
        throw SqueezeSAMError.prompt(
            "maskInput must hold \(side)x\(side) finite logits, got \(mask.count) numbers; "
                + "give one of lowResMasks of an earlier answer")
    }
    return mask
}
