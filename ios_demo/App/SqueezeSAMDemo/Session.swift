import Foundation
import SqueezeSAMKit
import SwiftUI

/// What the app knows: the export, the loaded networks, the photo and what was asked about it.
@MainActor
final class Session: ObservableObject {
    @Published private(set) var photo: ShownPhoto?
    @Published private(set) var selection = Selection()
    @Published private(set) var cutout: Cutout?
    @Published private(set) var message = "Choose a photo."
    @Published private(set) var isBusy = false
    @Published private(set) var times: [StageTime] = []
    @Published private(set) var precisions: [String] = []
    @Published var precision = ""
    @Published var computeUnits = ComputeUnits.all

    private(set) var bundle: ExportBundle?
    private var networks: Networks?
    private var predictor: SamPredictor?
    private var stages = Stages()
    /// What is to be done, one after the other: each step builds on the answer before.
    private var last: Task<Void, Never>?
    private var waiting = 0

    /// How long something took.
    struct StageTime: Identifiable {
        let id: Int
        let name: String
        let milliseconds: Double
    }

    /// Reads the export that lies in the app.
    func start() async {
        guard bundle == nil else { return }
        await attempt("Reading the export …") { [self] in
            let directory = try Export.directory()
            let bundle = try await Task.detached { try ExportBundle(directory: directory) }.value
            self.bundle = bundle
            precisions = bundle.precisions(target: "coreml")
            guard let first = precisions.first else {
                throw SqueezeSAMError.artifact(
                    "the export has no Core ML packages; export with --target coreml")
            }
            precision = precisions.contains("fp16") ? "fp16" : first
        }
        await load()
    }

    /// Loads the networks in the chosen scheme for the chosen processors; the photo stays.
    func load() async {
        guard let bundle, !precision.isEmpty else { return }
        let (precision, units) = (precision, computeUnits)
        await attempt("Loading …") { [self] in
            let loaded = try await Networks.load(bundle, precision: precision, computeUnits: units)
            networks = loaded
            let stages = Stages()
            predictor = try SamPredictor(
                model: loaded.segmenter, detector: loaded.detector,
                options: PredictorOptions(onStage: { stages.add($0, $1) }))
            self.stages = stages
            if let photo { await predictor?.setImage(photo.pixels) }
            message = "Loaded in \(Int(loaded.loadMilliseconds)) ms."
        }
        if photo != nil { await ask(.automatic, anew: true) }
    }

    /// The networks as the self-check wants them.
    func loadedNetworks() -> [any NetworkRuntime] {
        networks.map { [$0.segmenter] + ($0.detector.map { [$0] } ?? []) } ?? []
    }

    /// Takes a photo and answers with its most prominent object.
    func show(_ data: Data) async {
        await attempt("Reading the photo …") { [self] in
            let read = try await Task.detached { try ShownPhoto(data: data) }.value
            photo = read
            (selection, cutout) = (Selection(), nil)
            await predictor?.setImage(read.pixels)
        }
        if photo != nil { await ask(.automatic, anew: true) }
    }

    /// Asks the networks; `anew` forgets what was asked before.
    func ask(_ action: Selection.Action, anew: Bool = false) async {
        await attempt("Looking …") { [self] in
            guard let predictor, let photo else { return }
            if anew { selection = Selection() }
            let request = selection.request(for: action)
            stages.reset()
            let answer =
                try await request.isEdit
                ? predictor.editAnswer(request.question) : predictor.answer(request.question)
            cutout = try await Task.detached { try Cutout(answer, of: photo) }.value
            selection.add(request, answer)
            times = stages.times()
            let share = Int((answer.iouPredictions[0] * 100).rounded())
            message = "The network expects an IoU of \(share) %."
        }
    }

    /// Takes the last step back.
    func undo() async {
        await attempt("Drawing …") { [self] in
            selection.undo()
            message = "Undone."
            guard let photo, let answer = selection.answer else {
                cutout = nil
                return
            }
            cutout = try await Task.detached { try Cutout(answer, of: photo) }.value
        }
    }

    /// Forgets what was asked, so that the next click begins anew.
    func clear() async {
        await attempt("") { [self] in
            (selection, cutout) = (Selection(), nil)
            message = "Tap what you mean, press long on what you do not mean, or drag a box."
        }
    }

    /// Does something after all that was begun before it; its error becomes the message.
    private func attempt(
        _ doing: String, _ action: @escaping @MainActor () async throws -> Void
    ) async {
        let before = last
        waiting += 1
        isBusy = true
        let work = Task {
            await before?.value
            message = doing
            do {
                try await action()
            } catch {
                message = error.localizedDescription
            }
            waiting -= 1
            isBusy = waiting > 0
        }
        last = work
        await work.value
    }
}

/// Both networks of the export, loaded.
struct Networks: Sendable {
    let segmenter: CoreMLRuntime
    let detector: CoreMLRuntime?

    var loadMilliseconds: Double {
        (segmenter.loadTime + (detector?.loadTime ?? .zero)).milliseconds
    }

    /// Checks the hashes, compiles what was not compiled before, and loads, off the main thread.
    static func load(
        _ bundle: ExportBundle, precision: String, computeUnits: ComputeUnits
    ) async throws -> Networks {
        try await Task.detached(priority: .userInitiated) {
            func network(_ record: NetworkRecord) async throws -> CoreMLRuntime {
                let artifact = try bundle.artifact(
                    of: record, target: "coreml", precision: precision)
                let compiled = try await CompiledModel(artifact, keptIn: Export.compiledModels())
                return try CoreMLRuntime(compiled, computeUnits: computeUnits)
            }
            let segmenter = try await network(bundle.segmenter)
            guard let record = bundle.detector else {
                return Networks(segmenter: segmenter, detector: nil)
            }
            return Networks(segmenter: segmenter, detector: try await network(record))
        }.value
    }
}

/// Where the app keeps its export.
enum Export {
    /// The folder `Export` in the app, where you have put what `squeezesam export` wrote.
    static func directory() throws -> URL {
        let folder = Bundle.main.bundleURL.appendingPathComponent("Export", isDirectory: true)
        let manifest = folder.appendingPathComponent(Manifest.fileName)
        guard FileManager.default.fileExists(atPath: manifest.path) else {
            throw SqueezeSAMError.artifact(
                "the app holds no export; put one into ios_demo/App/Export and build again")
        }
        return folder
    }

    static func compiledModels() throws -> URL {
        try FileManager.default.url(
            for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true
        ).appendingPathComponent("compiled", isDirectory: true)
    }
}

/// Times of stages, told from any thread.
final class Stages: @unchecked Sendable {
    private let lock = NSLock()
    private var told: [(String, Duration)] = []

    func add(_ name: String, _ time: Duration) { lock.withLock { told.append((name, time)) } }

    func reset() { lock.withLock { told.removeAll() } }

    func times() -> [Session.StageTime] {
        lock.withLock {
            told.enumerated().map { index, one in
                Session.StageTime(id: index, name: one.0, milliseconds: one.1.milliseconds)
            }
        }
    }
}

extension Duration {
    var milliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }
}
