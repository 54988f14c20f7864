import Foundation
import SqueezeSAMKit
import Testing

/// A bundle of its own in a new folder, of the manifest that `web_vectors.py` wrote.
private struct Files: ~Copyable {
    let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("bundle-\(UUID().uuidString)")

    init(changes: (inout [String: Any]) -> Void = { _ in }, network: String = "network") throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let json = try JSONSerialization.jsonObject(
            with: Data(contentsOf: vectorURL("manifest.json")))
        var content = try #require(json as? [String: Any])
        changes(&content)
        try JSONSerialization.data(withJSONObject: content).write(to: file("manifest.json"))
        for name in ["segmenter.onnx", "detector.onnx"] {
            try Data(network.utf8).write(to: file(name))
        }
    }

    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

/// A change of one value deep in JSON: numbers are places in lists.
private func set(_ value: Any?, in object: Any, at path: ArraySlice<String>) -> Any? {
    guard let step = path.first else { return value }
    if var list = object as? [Any], let place = Int(step), list.indices.contains(place) {
        if let changed = set(value, in: list[place], at: path.dropFirst()) {
            list[place] = changed
        } else {
            list.remove(at: place)
        }
        return list
    }
    guard var fields = object as? [String: Any] else { return object }
    fields[step] = set(value, in: fields[step] ?? [:], at: path.dropFirst())
    return fields
}

@Suite(.enabled(if: vectorFolder != nil, "SQUEEZESAM_VECTORS names no folder; see pytest --swift"))
struct BundleTests {
    @Test func aBundleListsItsArtifactsAndTheirBytesAreChecked() async throws {
        let files = try Files()
        let bundle = try ExportBundle(directory: files.folder)
        #expect(bundle.precisions(target: "onnx") == ["fp32"])
        #expect(bundle.networks.map(\.inputSize) == [64, 64])
        #expect(bundle.detector?.inputs.map(\.name) == ["image"])
        #expect(bundle.detector?.inputs.map(\.shape) == [[1, 3, 64, 64]])
        let artifact = try bundle.artifact(
            of: bundle.segmenter, target: "onnx", precision: "fp32")
        #expect(artifact.url.lastPathComponent == "segmenter.onnx")
        #expect(throws: SqueezeSAMError.self) {
            try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "int8")
        }
        let altered = try Files(network: "netwurk")
        let other = try ExportBundle(directory: altered.folder)
        let found = await refusal {
            _ = try other.artifact(of: other.segmenter, target: "onnx", precision: "fp32")
        }
        #expect(found?.errorDescription?.contains("segmenter.onnx was altered") == true)
    }

    @Test(
        arguments: [
            ("schema_version", 99, "schema version 99"),
            ("schema_version", nil, "no schema version"),
            ("contract/looking", nil, "damaged"), ("bounds", nil, "damaged"),
            ("bounds/fp32/min_mask_iou", "high", "damaged"), ("networks", 5, "damaged"),
            ("networks/0", nil, "no segmenter"), ("networks/0/graphs/0", nil, "0 graphs"),
            ("networks/0/input_size", 320.5, "damaged"), ("networks/0/input_size", 0, "0 pixels"),
            ("networks/0/input_size", 1 << 40, "pixels"), ("networks/0/input_size", 128, "tensors"),
            ("networks/0/preprocessing/pad_byte", 5, "has 5"),
            ("contract/mask_cleaning/numbers/speck_area", 7, "speckArea: 7"),
            ("contract/prompt_encoding/map_channels/0", nil, "negative"),
            ("networks/1/rules/click_sampling/peak", 9, "peak: 9"),
            ("networks/1/rules", nil, "has nothing"),
            ("networks/0/graphs/0/inputs/0/shape/3", 65, "tensors"),
        ] as [(String, (any Sendable)?, String)])
    func aManifestOfAnotherVersionOrContractIsRefused(
        path: String, value: (any Sendable)?, message: String
    ) async throws {
        let parts = path.split(separator: "/").map(String.init)
        let files = try Files(changes: { content in
            content = set(value, in: content, at: parts[...]) as? [String: Any] ?? [:]
        })
        let folder = files.folder
        let found = await refusal { _ = try ExportBundle(directory: folder) }
        #expect(found?.kind == "artifact", "\(path) = \(String(describing: value)) is taken")
        let text = found?.errorDescription ?? ""
        #expect(text.contains(message), "\(text)")
        #expect(!text.contains("\n"))
    }

    @Test(arguments: ["", "{", "[1]", "null", "{\"schema_version\": true}", "\u{0}"])
    func aManifestThatIsNoneIsRefused(text: String) async throws {
        let files = try Files()
        try Data(text.utf8).write(to: files.file("manifest.json"))
        let folder = files.folder
        let found = await refusal { _ = try ExportBundle(directory: folder) }
        #expect(found?.kind == "artifact", "\(text) is taken")
    }

    @Test(arguments: ["../x", "/etc/passwd", "a/../../x", "", ".", "a\u{0}", "missing", "a//b"])
    func namesThatLeadOutAreRefused(name: String) async throws {
        let files = try Files(changes: { content in
            let path = ["networks", "0", "artifacts", "1", "graphs", "0", "file"]
            content = set(name, in: content, at: path[...]) as? [String: Any] ?? [:]
        })
        let bundle = try ExportBundle(directory: files.folder)
        let found = await refusal {
            _ = try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "fp32")
        }
        #expect(found?.kind == "artifact", "\(name) is taken")
    }

    @Test(arguments: ["/etc/passwd", "/etc", "/dev/zero", "nothing", "segmenter.onnx", "fifo"])
    func linksAndSpecialFilesAreRefused(target: String) async throws {
        let files = try Files()
        let (manager, place) = (FileManager.default, files.file("segmenter.onnx"))
        try manager.removeItem(at: place)
        if target == "fifo" {
            #expect(mkfifo(place.path, 0o600) == 0)
        } else {
            try manager.createSymbolicLink(atPath: place.path, withDestinationPath: target)
        }
        let bundle = try ExportBundle(directory: files.folder)
        let found = await refusal {
            _ = try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "fp32")
        }
        #expect(found?.kind == "artifact", "\(target) is taken")
        let manifest = files.file("manifest.json")
        try manager.removeItem(at: manifest)
        try manager.moveItem(at: place, to: manifest)
        let folder = files.folder
        let other = await refusal { _ = try ExportBundle(directory: folder) }
        #expect(other?.kind == "artifact", "a manifest that is a link to \(target) is taken")
    }

    @Test func aCheckOfNothingDoesNotPass() async throws {
        let files = try Files()
        let check = SelfCheck(
            bundle: try ExportBundle(directory: files.folder), precision: "fp32")
        let noVectors = await refusal { _ = try await check.checkCode() }
        #expect(noVectors?.errorDescription?.contains("no golden vectors") == true)
        let noNetwork = await refusal { _ = try await check.check([]) }
        #expect(noNetwork?.kind == "config")
        let otherFiles = try Files(changes: { content in
            content = set(nil, in: content, at: ["bounds", "fp32"]) as? [String: Any] ?? [:]
        })
        let unbound = SelfCheck(
            bundle: try ExportBundle(directory: otherFiles.folder), precision: "fp32")
        let noBounds = await refusal { _ = try await unbound.check([segmenter]) }
        #expect(noBounds?.errorDescription?.contains("no bounds of fp32") == true)
        let noCases = await refusal { _ = try await check.check([segmenter]) }
        #expect(noCases?.errorDescription?.contains("no golden cases of the segmenter") == true)
    }

    @Test(
        arguments: [
            ("good", 140, "passes"), ("hot", 140, "fails"), ("far", 140, "fails"),
            ("bright", 140, "artifact"), ("nan", 140, "artifact"), ("small", 140, "artifact"),
            ("good", 0, "artifact"), ("good", -5, "artifact"), ("good", .max, "artifact"),
        ] as [(String, Int, String)])
    func goldenFilesOfStrangersDoNotEndTheApp(
        name: String, width: Int, outcome: String
    ) async throws {
        let hashes = try vectors("golden_files", as: [String: String].self)
        let digest = try #require(hashes[name])
        let files = try Files(changes: { content in
            let golden: [String: Any] = [
                "file": "golden.npz", "sha256": digest, "photo": "drawn", "width": width,
                "height": 90, "cases": [["name": "most prominent object", "clicks": []]],
            ]
            content =
                set([golden], in: content, at: ["networks", "1", "golden"]) as? [String: Any] ?? [:]
        })
        try FileManager.default.copyItem(
            at: vectorURL("golden_\(name).npz"), to: files.file("golden.npz"))
        let check = SelfCheck(
            bundle: try ExportBundle(directory: files.folder), precision: "fp32")
        var lines: [SelfCheck.Line] = []
        let found = await refusal { lines = try await check.check([detector]) }
        let passed = lines.allSatisfy(\.passed)
        #expect((found?.kind ?? (passed ? "passes" : "fails")) == outcome)
    }

    @Test func packagesAreHashedAsPythonDoesIt() async throws {
        struct Package: Decodable {
            let sha256: String
            let files: [String: String]
        }
        let package = try vectors("package", as: Package.self)
        let manager = FileManager.default
        let files = try Files(changes: { content in
            let graph: [String: Any] = [
                "file": "net.mlpackage", "sha256": package.sha256, "files": package.files,
                "size_bytes": 1,
            ]
            let path = ["networks", "0", "artifacts", "1", "graphs", "0"]
            content = set(graph, in: content, at: path[...]) as? [String: Any] ?? [:]
        })
        let place = files.file("net.mlpackage")
        try manager.copyItem(at: vectorURL("net.mlpackage"), to: place)
        let bundle = try ExportBundle(directory: files.folder)
        _ = try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "fp32")
        try Data("x".utf8).write(to: place.appendingPathComponent(".DS_Store"))
        _ = try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "fp32")
        let weights = place.appendingPathComponent("Data/weights/weight.bin")
        try Data("other".utf8).write(to: weights)
        let found = await refusal {
            _ = try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "fp32")
        }
        #expect(found?.errorDescription?.contains("(Data/weights/weight.bin)") == true)
        let folder = place.appendingPathComponent("Data")
        try manager.moveItem(at: folder, to: place.appendingPathComponent("Other"))
        try manager.createSymbolicLink(atPath: folder.path, withDestinationPath: "Other")
        let linked = await refusal {
            _ = try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "fp32")
        }
        #expect(linked?.errorDescription?.contains("link to a folder") == true)
    }
}
