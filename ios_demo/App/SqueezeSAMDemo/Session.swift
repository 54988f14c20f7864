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
    private(set) var networks: Networks?
    private var predictor: SamPredictor?
    private var stages = Stages()
    /// What is to be done, one after the other: each step builds on the answer before.
    private var last: Task<Bool, Never>?
    private var waiting = 0

    /// How long something took.
    struct StageTime: Identifiable {
        let id: Int
        let name: String
        let milliseconds: Double
    }

    /// How long loading the networks took, in whole milliseconds; 0 where none are loaded.
    var loadMilliseconds: Int { Int((networks?.loadMilliseconds ?? 0).rounded()) }

    /// How long the last answer took in whole milliseconds, from the question to the clean mask,
    /// before that is enlarged to the size of the photo.
    var answerMilliseconds: Int {
        Int(times.reduce(0) { $0 + $1.milliseconds }.rounded())
    }

    /// Reads the export that lies in the app.
    func start() async {
        guard bundle == nil else { return }
        let isRead = await attempt("Reading the export …") { [self] in
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
        if isRead { await load() }
    }

    /// Loads the networks in the chosen scheme for the chosen processors, and asks them again what
    /// was asked about the photo. Where they do not load, those loaded before stay.
    func load() async {
        guard let bundle, !precision.isEmpty else { return }
        let (precision, units) = (precision, computeUnits)
        let isLoaded = await attempt("Loading …") { [self] in
            let loaded = try await Networks.load(bundle, precision: precision, computeUnits: units)
            let stages = Stages()
            let predictor = try SamPredictor(
                model: loaded.segmenter, detector: loaded.detector,
                options: PredictorOptions(onStage: { stages.add($0, $1) }))
            if let photo { await predictor.setImage(photo.pixels) }
            (networks, self.predictor, self.stages) = (loaded, predictor, stages)
            message = "Loaded in \(loadMilliseconds) ms."
        }
        guard isLoaded, photo != nil else { return }
        let asked = selection.actions
        for (index, action) in (asked.isEmpty ? [.automatic] : asked).enumerated() {
            guard await ask(action, anew: index == 0) else { return }
        }
    }

    /// Takes a photo and answers with its most prominent object. A photo that cannot be read leaves
    /// the one before.
    ///
    /// - Parameter file: gives the content of its file, or nil where there is none.
    func show(_ file: @escaping @MainActor () async throws -> Data?) async {
        let isShown = await attempt("Reading the photo …") { [self] in
            guard let data = try await file() else {
                throw SqueezeSAMError.image("this photo cannot be read; choose another one")
            }
            let read = try await Task.detached { try ShownPhoto(data: data) }.value
            photo = read
            (selection, cutout) = (Selection(), nil)
            await predictor?.setImage(read.pixels)
        }
        if isShown { await ask(.automatic, anew: true) }
    }

    /// Asks the networks; `anew` forgets what was asked before. Returns whether they have answered.
    @discardableResult
    func ask(_ action: Selection.Action, anew: Bool = false) async -> Bool {
        await attempt("Looking …") { [self] in
            guard let photo else { return }
            guard let predictor else {
                throw SqueezeSAMError.config(
                    "no networks are loaded; choose others in Settings, or build with an export")
            }
            if anew { (selection, cutout) = (Selection(), nil) }
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

    /// Does something after all that was begun before it; its error becomes the message. Returns
    /// whether it has come to its end without one.
    @discardableResult
    private func attempt(
        _ doing: String, _ action: @escaping @MainActor () async throws -> Void
    ) async -> Bool {
        let before = last
        waiting += 1
        isBusy = true
        let work = Task { () -> Bool in
            _ = await before?.value
            message = doing
            var isDone = true
            do {
                try await action()
            } catch {
                message = error.localizedDescription
                isDone = false
            }
            waiting -= 1
            isBusy = waiting > 0
            return isDone
        }
        last = work
        return await work.value
    }
}

/// Both networks of the export, loaded.
struct Networks: Sendable {
    let precision: String
    let segmenter: CoreMLRuntime
    let detector: CoreMLRuntime?

    var all: [CoreMLRuntime] { [segmenter] + (detector.map { [$0] } ?? []) }

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
                return Networks(precision: precision, segmenter: segmenter, detector: nil)
            }
            return Networks(
                precision: precision, segmenter: segmenter, detector: try await network(record))
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
