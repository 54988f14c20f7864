import Foundation
import SqueezeSAMKit
import SqueezeSAMONNX
import Testing

private let isComplete = exportFolder != nil && onnxLibrary != nil && vectorFolder != nil

@Suite(
    .serialized,
    .enabled(if: isComplete, "no export and ONNX Runtime are named; see pytest --swift --slow"))
struct EndToEndTests {
    private func load(_ precision: String) throws -> (ExportBundle, ONNXRuntime, ONNXRuntime) {
        let bundle = try ExportBundle(directory: URL(fileURLWithPath: try #require(exportFolder)))
        let library = try ONNXLibrary(path: try #require(onnxLibrary))
        func network(_ record: NetworkRecord) throws -> ONNXRuntime {
            let artifact = try bundle.artifact(of: record, target: "onnx", precision: precision)
            return try ONNXRuntime(artifact, library: library, threads: 1)
        }
        return (bundle, try network(bundle.segmenter), try network(try #require(bundle.detector)))
    }

    @Test(arguments: ["fp32", "int8"])
    func goldenMasksAreAnswered(precision: String) async throws {
        let (bundle, segmenter, detector) = try load(precision)
        let check = SelfCheck(bundle: bundle, precision: precision)
        let lines = try await check.check([segmenter, detector])
        let names = Set(lines.map { $0.name.split(separator: ",")[0] })
        #expect(names == ["segmenter", "detector", "automatic mask"])
        #expect(lines.filter { $0.iou != nil }.count == 9)
        for line in lines {
            print("\(precision): \(line.name): \(line.detail)")
            #expect(line.passed, "\(line.name): \(line.detail)")
            if precision == "fp32", let iou = line.iou { #expect(iou >= 0.999) }
        }
        for line in try await check.checkCode() {
            #expect(line.passed, "\(line.name): \(line.detail)")
        }
    }

    /// Of a better scheme than that of the networks, or of none, the check tells so.
    @Test func aNetworkThatAnswersOtherwiseFailsTheCheck() async throws {
        let (bundle, segmenter, detector) = try load("int8")
        let lines = try await SelfCheck(bundle: bundle, precision: "fp32")
            .check([segmenter, detector])
        #expect(lines.contains { !$0.passed && $0.name.hasPrefix("segmenter") })
        #expect(lines.contains { !$0.passed && $0.name.hasPrefix("detector") })
        let unknown = await refusal {
            _ = try await SelfCheck(bundle: bundle, precision: "int3").check([segmenter])
        }
        #expect(unknown?.kind == "config")
    }

    @Test func wholeAnswersArePythonsWithOnnxRuntime() async throws {
        let given = try vectors("runtime", as: GoldenAnswers.self)
        let (_, segmenter, detector) = try load("fp32")
        let predictor = try SamPredictor(model: segmenter, detector: detector)
        try await given.ask(predictor) { asked, masks, found in
            #expect(found.masks.count == masks.count, "\(asked.name)")
            for (mask, wanted) in zip(found.masks, masks) {
                let iou = share(mask, wanted)
                #expect(iou >= 0.999, "\(asked.name): \(iou)")
            }
            #expect(distance(found.iouPredictions, asked.iouPredictions) < 1e-3, "\(asked.name)")
        }
        let finding = try await predictor.findSalientObject()
        #expect(finding.coords == given.clicks)
    }

    @Test func aFileThatIsNoNetworkIsRefused() async throws {
        let (bundle, _, _) = try load("fp32")
        let library = try ONNXLibrary(path: try #require(onnxLibrary))
        let artifact = try bundle.artifact(of: bundle.segmenter, target: "onnx", precision: "fp32")
        let folder = FileManager.default.temporaryDirectory
        let damaged = folder.appendingPathComponent("damaged-\(UUID().uuidString).onnx")
        defer { try? FileManager.default.removeItem(at: damaged) }
        try Data(contentsOf: artifact.url).prefix(1000).write(to: damaged)
        let other = try bundle.artifact(
            of: try #require(bundle.detector), target: "onnx", precision: "fp32")
        for (url, network) in [(damaged, bundle.segmenter), (other.url, bundle.segmenter)] {
            let wrong = CheckedArtifact(
                url: url, precision: "fp32", sha256: artifact.sha256, network: network)
            let found = await refusal { _ = try ONNXRuntime(wrong, library: library) }
            #expect(found?.kind == "artifact", "\(url.lastPathComponent) is taken")
        }
        #expect(throws: SqueezeSAMError.self) { try ONNXLibrary(path: "/nowhere/lib.so") }
    }
}
