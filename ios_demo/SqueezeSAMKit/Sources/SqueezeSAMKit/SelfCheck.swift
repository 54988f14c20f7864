import Foundation

/// Holds the kit and loaded networks to the golden vectors of their bundle, on the device at hand.
public struct SelfCheck: Sendable {
    /// What was compared, and how it came out.
    public struct Line: Sendable, Identifiable {
        public let name: String
        public let passed: Bool
        public let detail: String
        /// The smallest IoU with PyTorch's masks; nil where no masks were compared.
        public let iou: Float?

        public var id: String { name }
    }

    /// By how much an encoded prompt may differ from Python's.
    private static let promptTolerance: Float = 1e-4

    public let bundle: ExportBundle
    public let precision: String

    /// - Parameters:
    ///   - bundle: that the networks are of.
    ///   - precision: the name of their scheme.
    public init(bundle: ExportBundle, precision: String) {
        self.bundle = bundle
        self.precision = precision
    }

    /// The kit's own code, from the pixels of a photo to whole answers. It needs no network.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where the bundle has no vectors, or they cannot be used.
    public func checkCode() async throws -> [Line] {
        guard !bundle.manifest.vectors.isEmpty else { throw missing("golden vectors") }
        var lines: [Line] = []
        for file in bundle.manifest.vectors {
            let vectors = try GoldenVectors(
                json: bundle.content(of: file.file, sha256: file.sha256))
            guard vectors.count > 0 else { throw missing("cases in \(file.file)") }
            let failures = try await vectors.failures()
            let detail = failures.prefix(3).joined(separator: ", ")
            lines.append(
                Line(
                    name: file.file, passed: failures.isEmpty,
                    detail: "\(vectors.count - failures.count) of \(vectors.count) cases. "
                        + detail,
                    iou: nil))
        }
        return lines
    }

    /// The prompt encoder and the networks, each alone and then both together.
    ///
    /// - Parameter networks: the segmenter, the detector, or both, in this scheme.
    /// - Returns: one line for each photo of the golden cases and one for all photos of a network;
    ///   with both networks also one for the automatic mask of each photo.
    /// - Throws: `SqueezeSAMError.config` where there is no network, or no bounds of the scheme are
    ///   known; `.artifact` where the bundle's files cannot be used or a network fails.
    public func check(_ networks: [any NetworkRuntime]) async throws -> [Line] {
        guard !networks.isEmpty else {
            throw SqueezeSAMError.config("no network is loaded; load one, then check it")
        }
        guard let bounds = bundle.manifest.bounds[precision] else {
            throw SqueezeSAMError.config(
                "the manifest has no bounds of \(precision); choose another scheme")
        }
        var lines: [Line] = []
        for network in networks {
            var ious: [Float] = []
            for file in try golden(of: network.kind) {
                let archive = try archive(file)
                let line =
                    network.kind == .segmenter
                    ? try await checkSegmenter(network, file, archive, bounds, &ious)
                    : try await checkDetector(network, file, archive, bounds, &ious)
                lines.append(line)
            }
            let mean = ious.reduce(0, +) / Float(ious.count)
            lines.append(
                Line(
                    name: "\(network.kind.rawValue), all photos",
                    passed: mean >= bounds.meanMaskIou,
                    detail: "mean IoU \(rounded(mean)), at least \(bounds.meanMaskIou) asked",
                    iou: nil))
        }
        if let segmenter = networks.first(where: { $0.kind == .segmenter }),
            let detector = networks.first(where: { $0.kind == .detector })
        {
            for file in try golden(of: .detector) {
                lines.append(try await checkAutomatic(segmenter, detector, file, bounds))
            }
        }
        return lines
    }

    private func checkSegmenter(
        _ network: any NetworkRuntime, _ file: Manifest.GoldenFile, _ archive: ArrayArchive,
        _ bounds: Bounds, _ ious: inout [Float]
    ) async throws -> Line {
        let letterbox = try file.letterbox(network.inputSize)
        let image = try picture(archive, size: network.inputSize)
        let area = letterbox.maskSide * letterbox.maskSide
        let maps = try rows(archive, TensorName.promptMaps, MapChannel.allCases.count * area, file)
        let tokens = try rows(
            archive, TensorName.promptTokens, Spec.tokenSlots * Spec.tokenFeatures, file)
        let masks = try rows(archive, TensorName.lowResMasks, Spec.numMasks * area, file)
        let predicted = try rows(archive, TensorName.iouPredictions, Spec.numMasks, file)
        var cleaned: [String: [Float]] = [:]
        var (least, iouError, furthest): (Float, Float, Float) = (1, 0, 0)
        for (index, asked) in file.cases.enumerated() {
            let prompts = try asked.prompts(width: file.width, height: file.height)
            let before = asked.previous.flatMap { cleaned[$0] }
            let encoded = PromptEncoder(letterbox).encode(prompts, maskInput: before)
            furthest = max(
                furthest, distance(encoded.maps, maps[index]),
                distance(encoded.tokens, tokens[index]))
            let outputs = try await network.run(NetworkInputs(image: image, prompts: encoded))
            let found = try network.checked(
                outputs, TensorName.lowResMasks, count: Spec.numMasks * area)
            let expected = try network.checked(
                outputs, TensorName.iouPredictions, count: Spec.numMasks)
            iouError = max(iouError, distance(expected, predicted[index]))
            let shares = (0..<Spec.numMasks).map { mask in
                let part = (mask * area)..<((mask + 1) * area)
                return iou(found[part], masks[index][part], above: Spec.maskThreshold)
            }
            least = min(least, shares[0])
            ious += shares
            cleaned[asked.name] = MaskCleanup().cleaned(
                Array(masks[index][..<area]),
                MaskCleanup.Asked(prompts, maskInput: before, letterbox: letterbox), letterbox)
        }
        return Line(
            name: "\(network.kind.rawValue), \(file.photo)",
            passed: least >= bounds.minMaskIou && iouError <= bounds.maxIouError
                && furthest <= Self.promptTolerance,
            detail: "smallest IoU \(rounded(least)) of \(file.cases.count) masks, at least "
                + "\(bounds.minMaskIou) asked; predicted IoUs differ by \(iouError), at "
                + "most \(bounds.maxIouError) asked; prompts differ by \(furthest)",
            iou: least)
    }

    private func checkDetector(
        _ network: any NetworkRuntime, _ file: Manifest.GoldenFile, _ archive: ArrayArchive,
        _ bounds: Bounds, _ ious: inout [Float]
    ) async throws -> Line {
        let found = try await finding(network, file, archive)
        let side = network.inputSize / Spec.saliencyStride
        let golden = try archive.array(TensorName.saliencyLogits).numbers
        guard golden.count == side * side else { throw Inflate.damaged }
        // What the kit makes of the golden heat map is Python's, to the last byte and click.
        let known = Finding(saliencyLogits: golden, letterbox: found.letterbox)
        let heat = try archive.array("heat").numbers
        let clicks = try archive.array("heat_clicks").numbers
        let same =
            known.heat.map(Float.init) == heat
            && known.clicks.flatMap { [Float($0.x), Float($0.y)] } == clicks
        let share = iou(
            found.heat.map(Float.init)[...], heat[...],
            above: Float(ClickSampling().threshold) - 0.5)
        let off = clickDistance(found, known)
        ious.append(share)
        return Line(
            name: "\(network.kind.rawValue), \(file.photo)",
            passed: share >= bounds.minMaskIou && off <= bounds.maxClickDistance && same,
            detail: "IoU of the heat map \(rounded(share)), at least \(bounds.minMaskIou) asked; "
                + "clicks differ by \(off) of its pixels, at most "
                + "\(bounds.maxClickDistance) asked; the kit's own clicks are "
                + "\(same ? "the same" : "others")",
            iou: share)
    }

    /// From the golden photo of the detector to its mask without a click.
    private func checkAutomatic(
        _ segmenter: any NetworkRuntime, _ detector: any NetworkRuntime,
        _ file: Manifest.GoldenFile, _ bounds: Bounds
    ) async throws -> Line {
        let name = "automatic mask, \(file.photo)"
        let found = try await finding(detector, file, archive(file))
        let asked = try record(.segmenter).golden.first {
            $0.promptedBy == detector.kind.rawValue && $0.photo == file.photo
        }
        guard let asked, found.salient != nil else {
            let passed = asked == nil && found.salient == nil
            return Line(
                name: name, passed: passed,
                detail: passed
                    ? "nothing stands out, as for PyTorch"
                    : "something stands out for \(asked == nil ? "this device" : "PyTorch") alone",
                iou: passed ? nil : 0)
        }
        let letterbox = try asked.letterbox(segmenter.inputSize)
        let archive = try archive(asked)
        let area = letterbox.maskSide * letterbox.maskSide
        let masks = try rows(archive, TensorName.lowResMasks, Spec.numMasks * area, asked)
        guard let golden = masks.first else { throw Inflate.damaged }
        let prompts = try Prompts(
            pointCoords: found.coords, pointLabels: found.coords.map { _ in 1 }, box: nil,
            width: asked.width, height: asked.height)
        let encoded = PromptEncoder(letterbox).encode(
            prompts, maskInput: found.maskInput(letterbox))
        let image = try picture(archive, size: segmenter.inputSize)
        let outputs = try await segmenter.run(NetworkInputs(image: image, prompts: encoded))
        let mask = try segmenter.checked(
            outputs, TensorName.lowResMasks, count: Spec.numMasks * area)
        let share = iou(mask[..<area], golden[..<area], above: Spec.maskThreshold)
        return Line(
            name: name, passed: share >= bounds.minMaskIou,
            detail: "IoU \(rounded(share)), at least \(bounds.minMaskIou) asked", iou: share)
    }

    /// What a detector finds in its golden photo.
    private func finding(
        _ network: any NetworkRuntime, _ file: Manifest.GoldenFile, _ archive: ArrayArchive
    ) async throws -> Finding {
        let image = try picture(archive, size: network.inputSize)
        let outputs = try await network.run(NetworkInputs(image: image))
        let side = network.inputSize / Spec.saliencyStride
        let logits = try network.checked(outputs, TensorName.saliencyLogits, count: side * side)
        return Finding(
            saliencyLogits: logits, letterbox: try file.letterbox(network.inputSize))
    }

    private func record(_ kind: NetworkKind) throws -> NetworkRecord {
        guard let record = bundle.networks.first(where: { $0.kind == kind }) else {
            throw missing(kind.rawValue)
        }
        return record
    }

    /// The golden files whose prompts are chosen, one for each photo.
    private func golden(of kind: NetworkKind) throws -> [Manifest.GoldenFile] {
        let files = try record(kind).golden.filter { $0.promptedBy == nil && !$0.cases.isEmpty }
        guard !files.isEmpty else { throw missing("golden cases of the \(kind.rawValue)") }
        return files
    }

    private func archive(_ file: Manifest.GoldenFile) throws -> ArrayArchive {
        try ArrayArchive(bundle.content(of: file.file, sha256: file.sha256))
    }

    private func missing(_ what: String) -> SqueezeSAMError {
        .artifact("the bundle has no \(what), so nothing can be checked; export again")
    }

    private func picture(_ archive: ArrayArchive, size: Int) throws -> InputImage {
        let planes = try archive.array(TensorName.image)
        guard planes.shape == [1, 3, size, size] else { throw Inflate.damaged }
        let rgb = try (0..<(size * size)).flatMap { pixel in
            try (0..<3).map { channel in
                let level = planes.numbers[channel * size * size + pixel]
                guard let byte = UInt8(exactly: level) else { throw Inflate.damaged }
                return byte
            }
        }
        return InputImage(rgb: rgb, size: size)
    }

    private func rows(
        _ archive: ArrayArchive, _ name: String, _ count: Int, _ file: Manifest.GoldenFile
    ) throws -> [[Float]] {
        let numbers = try archive.array(name).numbers
        guard numbers.count == count * file.cases.count else { throw Inflate.damaged }
        return file.cases.indices.map { Array(numbers[($0 * count)..<(($0 + 1) * count)]) }
    }
}

extension Manifest.GoldenFile {
    /// How its photo lies in an input of a size.
    func letterbox(_ size: Int) throws -> Letterbox {
        try Letterbox(told: width, height, size: size)
    }
}

extension Manifest.GoldenCase {
    func prompts(width: Int, height: Int) throws -> Prompts {
        try Prompts(
            pointCoords: clicks.map { Point($0.x, $0.y) }, pointLabels: clicks.map(\.label),
            box: box, width: width, height: height)
    }
}

extension Finding {
    fileprivate var clicks: [Pixel] { salient?.clicks ?? [] }
}

/// The largest distance of two findings' clicks; the diagonal where only one of them has any.
private func clickDistance(_ one: Finding, _ other: Finding) -> Float {
    guard one.clicks.count == other.clicks.count else {
        return hypot(Float(one.letterbox.heatSize.x), Float(one.letterbox.heatSize.y))
    }
    return zip(one.clicks, other.clicks).reduce(0) { furthest, pair in
        max(furthest, hypot(Float(pair.0.x - pair.1.x), Float(pair.0.y - pair.1.y)))
    }
}

/// The largest difference of two lists; infinity where it is no number.
private func distance(_ one: [Float], _ other: [Float]) -> Float {
    zip(one, other).reduce(0) { furthest, pair in
        let difference = abs(pair.0 - pair.1)
        return difference.isFinite ? max(furthest, difference) : .infinity
    }
}

private func rounded(_ share: Float) -> String {
    "\((share * 10000).rounded(.down) / 10000)"
}

/// The IoU of two masks of as many logits; 1 where both are empty.
private func iou(_ one: ArraySlice<Float>, _ other: ArraySlice<Float>, above threshold: Float)
    -> Float
{
    var (both, either) = (0, 0)
    for (a, b) in zip(one, other) {
        both += a > threshold && b > threshold ? 1 : 0
        either += a > threshold || b > threshold ? 1 : 0
    }
    return either == 0 ? 1 : Float(both) / Float(either)
}
