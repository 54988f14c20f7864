import Foundation

/// Holds the kit and a loaded network to the golden vectors of their bundle, on the device at hand.
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

    /// The smallest IoU of mask 0 that `squeezesam verify` asks of each scheme.
    public static let smallestIoU: [String: Float] = [
        "fp32": 0.995, "fp16": 0.995, "int8": 0.8, "w8a16": 0.9, "int8-weights": 0.9,
        "palette6": 0.8, "palette4": 0.5,
    ]

    public let bundle: ExportBundle
    public let precision: String

    /// - Parameters:
    ///   - bundle: that the networks are of.
    ///   - precision: the name of their scheme.
    public init(bundle: ExportBundle, precision: String) {
        self.bundle = bundle
        self.precision = precision
    }

    /// The kit's own code: cleaning, closer look, click sampling. It needs no network.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where the bundle's vectors cannot be used.
    public func checkCode() throws -> [Line] {
        try bundle.manifest.vectors.map { file in
            let vectors = try GoldenVectors(
                json: bundle.content(of: file.file, sha256: file.sha256))
            let failures = try vectors.failures()
            let detail = failures.prefix(3).joined(separator: ", ")
            return Line(
                name: file.file, passed: failures.isEmpty,
                detail: "\(vectors.count - failures.count) of \(vectors.count) cases. \(detail)",
                iou: nil)
        }
    }

    /// The prompt encoder and a network: one line for each photo of its golden cases.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where the bundle's files cannot be used or the network
    ///   fails.
    public func check(_ network: any NetworkRuntime) async throws -> [Line] {
        let record = bundle.networks.first { $0.kind == network.kind }
        var lines: [Line] = []
        for file in record?.golden ?? [] where file.promptedBy == nil {
            let archive = try ArrayArchive(
                bundle.content(of: file.file, sha256: file.sha256))
            let line =
                network.kind == .segmenter
                ? try await checkSegmenter(network, file, archive)
                : try await checkDetector(network, file, archive)
            lines.append(line)
        }
        return lines
    }

    private func checkSegmenter(
        _ network: any NetworkRuntime, _ file: Manifest.GoldenFile, _ archive: ArrayArchive
    ) async throws -> Line {
        let size = network.inputSize
        let letterbox = Letterbox(width: file.width, height: file.height, size: size)
        let image = try picture(archive, size: size)
        let area = letterbox.maskSide * letterbox.maskSide
        let maps = try rows(archive, TensorName.promptMaps, MapChannel.allCases.count * area, file)
        let tokens = try rows(
            archive, TensorName.promptTokens, Spec.tokenSlots * Spec.tokenFeatures, file)
        let masks = try rows(archive, TensorName.lowResMasks, Spec.numMasks * area, file)
        var cleaned: [String: [Float]] = [:]
        var (least, furthest): (Float, Float) = (1, 0)
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
            let wanted = Array(masks[index][..<area])
            least = min(least, iou(Array(found[..<area]), wanted, above: Spec.maskThreshold))
            cleaned[asked.name] = MaskCleanup().cleaned(
                wanted, MaskCleanup.Asked(prompts, maskInput: before, letterbox: letterbox),
                letterbox)
        }
        let bound = Self.smallestIoU[precision] ?? 1
        return Line(
            name: "\(network.kind.rawValue), \(file.photo)",
            passed: least >= bound && furthest <= 1e-4,
            detail: "smallest IoU \(rounded(least)) of \(file.cases.count) masks, at least "
                + "\(bound) asked; prompts differ by \(furthest)",
            iou: least)
    }

    private func checkDetector(
        _ network: any NetworkRuntime, _ file: Manifest.GoldenFile, _ archive: ArrayArchive
    ) async throws -> Line {
        let size = network.inputSize
        let letterbox = Letterbox(width: file.width, height: file.height, size: size)
        let outputs = try await network.run(NetworkInputs(image: try picture(archive, size: size)))
        let side = size / Spec.saliencyStride
        let logits = try network.checked(
            outputs, TensorName.saliencyLogits, count: side * side)
        let golden = try archive.array(TensorName.saliencyLogits).numbers
        guard golden.count == side * side else { throw Inflate.damaged }
        let hot = Float(ClickSampling().threshold) / Float(Spec.heatLevels)
        let share = iou(logits, golden, above: log(hot / (1 - hot)))
        // Clicks are whole choices: they are compared as the kit finds them in the golden heat map.
        let ours = Finding(saliencyLogits: golden, letterbox: letterbox)
        let heat = try archive.array("heat").numbers.map { UInt8($0) }
        let clicks = try archive.array("heat_clicks").numbers.map { Int($0) }
        let same =
            ours.heat == heat
            && (ours.salient?.clicks ?? []).flatMap { [$0.x, $0.y] } == clicks
        let bound = Self.smallestIoU[precision] ?? 1
        return Line(
            name: "\(network.kind.rawValue), \(file.photo)", passed: share >= bound && same,
            detail: "IoU of the heat map \(rounded(share)), at least \(bound) asked; "
                + "clicks are \(same ? "the same" : "others")",
            iou: share)
    }

    private func picture(_ archive: ArrayArchive, size: Int) throws -> InputImage {
        let planes = try archive.array(TensorName.image)
        guard planes.shape == [1, 3, size, size] else { throw Inflate.damaged }
        let rgb = (0..<(size * size)).flatMap { pixel in
            (0..<3).map { UInt8(planes.numbers[$0 * size * size + pixel]) }
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

extension Manifest.GoldenCase {
    func prompts(width: Int, height: Int) throws -> Prompts {
        try Prompts(
            pointCoords: clicks.map { Point($0.x, $0.y) }, pointLabels: clicks.map(\.label),
            box: box, width: width, height: height)
    }
}

private func distance(_ one: [Float], _ other: [Float]) -> Float {
    zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

private func rounded(_ share: Float) -> String {
    "\((share * 10000).rounded(.down) / 10000)"
}

/// The IoU of two masks of logits; 1 where both are empty.
package func iou(_ one: [Float], _ other: [Float], above threshold: Float) -> Float {
    var (both, either) = (0, 0)
    for (a, b) in zip(one, other) {
        both += a > threshold && b > threshold ? 1 : 0
        either += a > threshold || b > threshold ? 1 : 0
    }
    return either == 0 ? 1 : Float(both) / Float(either)
}
