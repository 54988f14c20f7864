import Foundation

/// The part of an export's `manifest.json` that the kit uses; see
/// `export/squeezesam_export/bundle/manifest.py`.
public struct Manifest: Decodable, Sendable {
    /// The version of `manifest.json` that the kit reads.
    public static let schemaVersion = 8
    public static let fileName = "manifest.json"

    public let networks: [Network]
    public let contract: Contract
    /// By the name of the scheme, next to PyTorch's answers.
    public let bounds: [String: Bounds]
    /// Drawn inputs with their answers for the kit's own code.
    public let vectors: [HashedFile]

    /// A network of the bundle; the kit runs those of `NetworkKind` and leaves others alone.
    public struct Network: Decodable, Sendable {
        public let kind: String
        public let variant: String
        public let inputSize: Int
        public let graphs: [Graph]
        public let preprocessing: Preprocessing
        public let rules: Rules?
        public let artifacts: [Artifact]
        public let golden: [GoldenFile]?
    }

    public struct Graph: Decodable, Sendable {
        public let inputs: [Tensor]
        public let outputs: [Tensor]
    }

    public struct Tensor: Decodable, Equatable, Sendable {
        public let name: String
        public let shape: [Int]
    }

    public struct Artifact: Decodable, Sendable {
        public let target: String
        /// The name of its scheme.
        public let precision: String
        public let graphs: [GraphFile]
    }

    /// One exported file, or directory in the case of an .mlpackage.
    public struct GraphFile: Decodable, Sendable {
        public let file: String
        public let sha256: String
        /// SHA-256 of each file of a directory by its relative name.
        public let files: [String: String]?
        public let sizeBytes: Int
    }

    public struct HashedFile: Decodable, Sendable {
        public let file: String
        public let sha256: String
    }

    /// The golden cases of one photo, as an .npz.
    public struct GoldenFile: Decodable, Sendable {
        public let file: String
        public let sha256: String
        public let photo: String
        public let width: Int
        public let height: Int
        public let promptedBy: String?
        public let cases: [GoldenCase]
    }

    public struct GoldenCase: Decodable, Sendable {
        public let name: String
        public let clicks: [Click]
        public let box: Box?
        public let previous: String?
    }

    public struct Click: Decodable, Sendable {
        public let x: Float
        public let y: Float
        public let label: Int
    }

    public struct Preprocessing: Decodable, Sendable {
        public let padByte: Int
        public let pixelMean: Float
        public let pixelScale: Float
    }

    public struct Contract: Decodable, Sendable {
        public let promptEncoding: PromptEncoding
        public let maskThreshold: Float
        public let maskCleaning: Cleaning
        public let looking: Closer
        public let edgeSharpness: Double

        public struct PromptEncoding: Decodable, Sendable {
            public let pointLabels: [String: Int]
            public let mapStride: Int
            public let mapChannels: [String]
            public let discRadius: Float
            public let pointSlots: Int
            public let boxSlots: Int
            public let positionFrequencies: Int
        }

        public struct Cleaning: Decodable, Sendable {
            public let numbers: MaskCleaning
            public let flippedLogit: Float
        }

        public struct Closer: Decodable, Sendable {
            public let numbers: Looking
            public let outsideLogit: Float
        }
    }

    /// What the detector's answers mean.
    public struct Rules: Decodable, Sendable {
        public let heatMap: HeatMap?
        public let clickSampling: ClickSampling?

        public struct HeatMap: Decodable, Sendable {
            public let stride: Int
            public let levels: Int
        }
    }

    private struct Version: Decodable {
        let schemaVersion: Int?
    }

    /// Reads and checks the text of a manifest.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where it is damaged, of another schema version, or of
    ///   another contract than the kit follows.
    public init(json: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let version = try? decoder.decode(Version.self, from: json).schemaVersion
        if let version, version != Self.schemaVersion {
            throw SqueezeSAMError.artifact(
                "\(Self.fileName) has schema version \(version), this kit reads "
                    + "\(Self.schemaVersion); use the squeezesam that wrote it or export again")
        }
        do {
            self = try decoder.decode(Manifest.self, from: json)
        } catch {
            let what = "\(error)".split(separator: "\n").first?.prefix(200) ?? ""
            throw SqueezeSAMError.artifact("\(Self.fileName) is damaged (\(what)); export again")
        }
        guard version != nil else {
            throw SqueezeSAMError.artifact(
                "\(Self.fileName) has no schema version; export again")
        }
        try checkContract()
    }

    /// The kit's numbers beside those of the manifest.
    private func checkContract() throws {
        let prompts = contract.promptEncoding
        let labels = Dictionary(
            uniqueKeysWithValues: PointLabel.allCases.map { (snakeCase("\($0)"), $0.rawValue) })
        try check(prompts.pointLabels, labels)
        try check(prompts.mapChannels, MapChannel.allCases.map { snakeCase("\($0)") })
        try check(prompts.mapStride, Spec.mapStride)
        try check(prompts.discRadius, Spec.discRadius)
        try check(prompts.pointSlots, Spec.pointSlots)
        try check(prompts.boxSlots, Spec.boxSlots)
        try check(prompts.positionFrequencies, Spec.positionFrequencies)
        try check(contract.maskThreshold, Spec.maskThreshold)
        try check(contract.maskCleaning.numbers, MaskCleaning())
        try check(contract.maskCleaning.flippedLogit, Spec.flippedLogit)
        try check(contract.looking.numbers, Looking())
        try check(contract.looking.outsideLogit, Spec.outsideLogit)
        try check(contract.edgeSharpness, Spec.edgeSharpness)
    }
}

/// The numbers of one network beside the kit's.
func checkRules(of network: Manifest.Network, kind: NetworkKind) throws {
    try check(network.preprocessing.padByte, Int(Spec.padByte))
    try check(network.preprocessing.pixelMean, Spec.pixelMean)
    try check(network.preprocessing.pixelScale, Spec.pixelScale)
    if kind == .detector {
        try check(network.rules?.heatMap?.stride, Spec.saliencyStride)
        try check(network.rules?.heatMap?.levels, Spec.heatLevels)
        try check(network.rules?.clickSampling, ClickSampling())
    }
}

private func check<Value: Equatable>(_ found: Value?, _ wanted: Value) throws {
    guard found == wanted else {
        let what = found.map { "\($0)" } ?? "nothing"
        throw SqueezeSAMError.artifact(
            "\(Manifest.fileName) has \(what) where this kit has \(wanted); "
                + "use the squeezesam that wrote it or export again")
    }
}

private func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
}
