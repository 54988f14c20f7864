import Foundation

/// One network of a bundle, checked.
public struct NetworkRecord: Sendable {
    public let kind: NetworkKind
    public let inputSize: Int
    public let inputs: [Manifest.Tensor]
    public let outputs: [Manifest.Tensor]
    public let artifacts: [Manifest.Artifact]
    public let golden: [Manifest.GoldenFile]

    /// The schemes of a target that it was exported in.
    public func precisions(target: String) -> [String] {
        artifacts.filter { $0.target == target }.map(\.precision)
    }
}

/// A file of the bundle that has proved to be the one that was exported.
public struct CheckedArtifact: Sendable {
    public let url: URL
    public let precision: String
    public let sha256: String
    public let network: NetworkRecord

    package init(url: URL, precision: String, sha256: String, network: NetworkRecord) {
        self.url = url
        self.precision = precision
        self.sha256 = sha256
        self.network = network
    }
}

/// The directory that `squeezesam export` writes; its manifest is checked, and every file before it
/// is opened.
public struct ExportBundle: Sendable {
    public let directory: URL
    public let manifest: Manifest
    public let segmenter: NetworkRecord
    /// Nil where the bundle has none.
    public let detector: NetworkRecord?

    private static let maxManifestBytes = 4_000_000
    private static let maxArtifactBytes = 1 << 31
    private static let maxFiles = 1000

    /// - Throws: `SqueezeSAMError.artifact` where it is no bundle that the kit can use.
    public init(directory: URL) throws {
        self.directory = directory
        let url = try Self.path(Manifest.fileName, below: directory)
        let data = try Self.content(of: url, limit: Self.maxManifestBytes)
        manifest = try Manifest(json: data)
        guard let segmenter = try Self.network(.segmenter, manifest) else {
            throw SqueezeSAMError.artifact("the bundle has no segmenter; export again with one")
        }
        self.segmenter = segmenter
        detector = try Self.network(.detector, manifest)
    }

    /// All networks of the bundle, the segmenter first.
    public var networks: [NetworkRecord] { [segmenter] + (detector.map { [$0] } ?? []) }

    /// The schemes of a target that every network of the bundle has.
    public func precisions(target: String) -> [String] {
        segmenter.precisions(target: target).filter { precision in
            networks.allSatisfy { $0.precisions(target: target).contains(precision) }
        }
    }

    /// The file of a network in a target and scheme, once its content has proved to be right.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where there is none, or it is missing, altered or leads
    ///   out of the bundle.
    public func artifact(
        of network: NetworkRecord, target: String, precision: String
    ) throws -> CheckedArtifact {
        let found = network.artifacts.first { $0.target == target && $0.precision == precision }
        guard let found else {
            let known = network.precisions(target: target).joined(separator: ", ")
            throw SqueezeSAMError.artifact(
                "the \(network.kind.rawValue) has no \(target) in \(precision); "
                    + "there is: \(known.isEmpty ? "nothing" : known)")
        }
        let graph = found.graphs[0]
        let url = try Self.path(graph.file, below: directory)
        let hashes = try Self.hashes(of: url)
        guard Self.digest(hashes) == graph.sha256.lowercased() else {
            let listed = graph.files ?? [:]
            let altered = Set(hashes.files.keys).union(listed.keys)
                .filter { hashes.files[$0] != listed[$0] }.sorted().prefix(5)
            let which = listed.isEmpty ? "" : " (\(altered.joined(separator: ", ")))"
            throw SqueezeSAMError.artifact(
                "\(graph.file) was altered since its export\(which); export again")
        }
        return CheckedArtifact(
            url: url, precision: precision, sha256: graph.sha256.lowercased(), network: network)
    }

    /// The content of a small file that the manifest lists with a hash.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where it is missing, altered, too large, or leads out of
    ///   the bundle.
    public func content(of file: String, sha256: String, limit: Int = 100_000_000) throws -> Data {
        let url = try Self.path(file, below: directory)
        let data = try Self.content(of: url, limit: limit)
        var hasher = Hasher256()
        hasher.update(data)
        guard hexadecimal(hasher.finalize()) == sha256.lowercased() else {
            throw SqueezeSAMError.artifact("\(file) was altered since its export; export again")
        }
        return data
    }

    private static func network(_ kind: NetworkKind, _ manifest: Manifest) throws -> NetworkRecord?
    {
        guard let network = manifest.networks.first(where: { $0.kind == kind.rawValue }) else {
            return nil
        }
        guard (1...Spec.maxInputSize).contains(network.inputSize),
            network.inputSize % Spec.saliencyStride == 0
        else {
            throw SqueezeSAMError.artifact(
                "the \(kind.rawValue) is for inputs of \(network.inputSize) pixels; export again")
        }
        guard network.graphs.count == 1, network.artifacts.allSatisfy({ $0.graphs.count == 1 })
        else {
            throw SqueezeSAMError.artifact(
                "the \(kind.rawValue) has \(network.graphs.count) graphs, this kit runs networks "
                    + "of one; export again")
        }
        try checkRules(of: network, kind: kind)
        let graph = network.graphs[0]
        let (inputs, outputs) = tensors(of: kind, size: network.inputSize)
        guard graph.inputs == inputs, graph.outputs == outputs else {
            throw SqueezeSAMError.artifact(
                "the \(kind.rawValue) has other tensors than this kit knows; export again")
        }
        return NetworkRecord(
            kind: kind, inputSize: network.inputSize, inputs: inputs, outputs: outputs,
            artifacts: network.artifacts, golden: network.golden ?? [])
    }

    private static func tensors(
        of kind: NetworkKind, size: Int
    ) -> (inputs: [Manifest.Tensor], outputs: [Manifest.Tensor]) {
        let (side, heat) = (size / Spec.mapStride, size / Spec.saliencyStride)
        let image = Manifest.Tensor(name: TensorName.image, shape: [1, 3, size, size])
        if kind == .detector {
            return (
                [image],
                [Manifest.Tensor(name: TensorName.saliencyLogits, shape: [1, 1, heat, heat])]
            )
        }
        let channels = MapChannel.allCases.count
        return (
            [
                image,
                Manifest.Tensor(name: TensorName.promptMaps, shape: [1, channels, side, side]),
                Manifest.Tensor(
                    name: TensorName.promptTokens, shape: [1, Spec.tokenSlots, Spec.tokenFeatures]),
            ],
            [
                Manifest.Tensor(
                    name: TensorName.lowResMasks, shape: [1, Spec.numMasks, side, side]),
                Manifest.Tensor(name: TensorName.iouPredictions, shape: [1, Spec.numMasks]),
            ]
        )
    }
}

/// Files of strangers: nothing outside of the bundle is opened.
extension ExportBundle {
    /// Where a file or folder is that a manifest names.
    private static func path(_ name: String, below root: URL) throws -> URL {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !name.isEmpty, !name.contains("\0"), name.utf8.count <= 200,
            parts.allSatisfy({ !["", ".", ".."].contains($0) })
        else {
            throw SqueezeSAMError.artifact(
                "the manifest names \(name.prefix(60).debugDescription), which leads out of the "
                    + "bundle; refused, export again")
        }
        let url = root.appendingPathComponent(name)
        _ = try kind(of: url, named: name, below: root)
        return url
    }

    /// Whether it is a folder; a link may lead to a file of the bundle.
    private static func kind(of url: URL, named name: String, below root: URL) throws -> Bool {
        guard let place = realpath(url.path, nil), let top = realpath(root.path, nil) else {
            throw SqueezeSAMError.artifact("\(name) is missing; export again or copy it anew")
        }
        defer {
            free(place)
            free(top)
        }
        let (found, allowed) = (String(cString: place), String(cString: top))
        guard found.hasPrefix(allowed == "/" ? "/" : allowed + "/") else {
            throw SqueezeSAMError.artifact(
                "\(name) is a link that leads out of the bundle; refused, export again")
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: found)
        switch attributes?[.type] as? FileAttributeType {
        case .typeRegular: return false
        case .typeDirectory: return true
        default:
            throw SqueezeSAMError.artifact("\(name) is neither a file nor a folder; export again")
        }
    }

    private static func size(of url: URL) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(
            atPath: url.resolvingSymlinksInPath().path)
        return (attributes[.size] as? NSNumber)?.intValue ?? 0
    }

    private static func content(of url: URL, limit: Int) throws -> Data {
        try reading(url) {
            let size = try size(of: url)
            guard size <= limit else {
                throw SqueezeSAMError.artifact(
                    "\(url.lastPathComponent) has \(size) bytes, \(limit) are allowed; export again"
                )
            }
            return try Data(contentsOf: url)
        }
    }

    /// What `work` reads; where the system refuses, the error is one for the user.
    private static func reading<Value>(_ url: URL, _ work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch let error as SqueezeSAMError {
            throw error
        } catch {
            throw SqueezeSAMError.artifact(
                "\(url.lastPathComponent) cannot be read; export again or copy it anew")
        }
    }

    /// SHA-256 of a file, or of each file of a folder by its relative name.
    private static func hashes(of url: URL) throws -> (file: String?, files: [String: String]) {
        try reading(url) {
            guard
                try kind(
                    of: url, named: url.lastPathComponent, below: url.deletingLastPathComponent())
            else {
                try checkSize(try size(of: url), url.lastPathComponent)
                return (try sha256(of: url), [:])
            }
            let names = try files(below: url)
            var total = 0
            for name in names { total += try size(of: url.appendingPathComponent(name)) }
            try checkSize(total, url.lastPathComponent)
            let pairs = try names.map { ($0, try sha256(of: url.appendingPathComponent($0))) }
            return (nil, Dictionary(uniqueKeysWithValues: pairs))
        }
    }

    private static func checkSize(_ bytes: Int, _ name: String) throws {
        if bytes > maxArtifactBytes {
            throw SqueezeSAMError.artifact("\(name) has \(bytes) bytes, too many; export again")
        }
    }

    /// As `sha256_of` in `export/squeezesam_export/bundle/artifacts.py` has it.
    private static func digest(_ hashes: (file: String?, files: [String: String])) -> String {
        if let file = hashes.file { return file }
        var hasher = Hasher256()
        for name in hashes.files.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let digits = Array(hashes.files[name, default: ""])
            let raw = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
            hasher.update(Data(name.utf8) + [0] + raw)
        }
        return hexadecimal(hasher.finalize())
    }

    /// Relative names of all files of a folder; hidden files and those of systems are left out.
    private static func files(below root: URL, _ folder: String = "") throws -> [String] {
        let place = folder.isEmpty ? root : root.appendingPathComponent(folder)
        var names: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: place.path)
        where !isHidden(name) {
            let relative = folder.isEmpty ? name : folder + "/" + name
            let url = place.appendingPathComponent(name)
            guard try kind(of: url, named: relative, below: root) else {
                names.append(relative)
                continue
            }
            let type = try FileManager.default.attributesOfItem(atPath: url.path)[.type]
            guard type as? FileAttributeType == .typeDirectory else {
                throw SqueezeSAMError.artifact(
                    "\(relative) is a link to a folder; refused, export again")
            }
            names += try files(below: root, relative)
            if names.count > maxFiles {
                throw SqueezeSAMError.artifact(
                    "\(root.lastPathComponent) holds more than \(maxFiles) files; export again")
            }
        }
        return names
    }

    /// Whether a system puts files of this name anywhere, or they are hidden; see
    /// `squeezesam/files.py`.
    private static func isHidden(_ name: String) -> Bool {
        let systems = [
            "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir",
            "$recycle.bin", "system volume information",
        ]
        return name.hasPrefix(".") || systems.contains(name.lowercased())
    }
}
