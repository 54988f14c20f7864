import SqueezeSAMKit
import SwiftUI

/// Times the segmenter in all schemes, on the phone alone. `squeezesam bench run --on ios` does the
/// same in fresh processes, which is fairer.
struct BenchmarkView: View {
    @ObservedObject var session: Session
    @State private var rows: [String] = []
    @State private var results: URL?
    @State private var message = "Times the segmenter in each scheme, three rounds, interleaved."
    @State private var isRunning = false

    private static let rounds = 3
    private static let job = ProcessProtocol(
        warmUpInferences: 3, timedInferences: 20, timeBudgetS: 0, sustainedS: 0)

    var body: some View {
        List {
            Text(message).font(.footnote)
            Button("Run") { Task { await run() } }.disabled(isRunning)
            ForEach(rows, id: \.self) { Text($0).monospacedDigit() }
            if let results {
                ShareLink(item: results) {
                    Label("Share results as JSON Lines", systemImage: "square.and.arrow.up")
                }
            }
        }
        .navigationTitle("Benchmark")
    }

    private func run() async {
        guard let bundle = session.bundle else { return }
        (isRunning, rows, results) = (true, [], nil)
        defer { isRunning = false }
        do {
            let (run, units) = (UUID().uuidString, session.computeUnits.rawValue)
            var lines = ""
            for round in 0..<Self.rounds {
                for precision in session.precisions {
                    message = "Round \(round + 1), \(precision) …"
                    let line = try await timed(bundle, precision, units, run: run, round: round)
                    lines += try line.text()
                    rows.append(Self.row(line, precision))
                }
            }
            let file = Folder().url.appendingPathComponent("demo.jsonl")
            try FileManager.default.createDirectory(
                at: Folder().url, withIntermediateDirectories: true)
            try Data(lines.utf8).write(to: file, options: .atomic)
            (results, message) = (file, "Read it with: squeezesam bench report demo.jsonl")
        } catch {
            message = error.localizedDescription
        }
    }

    private func timed(
        _ bundle: ExportBundle, _ precision: String, _ units: String, run: String, round: Int
    ) async throws -> ResultLine {
        let started = ISO8601DateFormatter().string(from: Date())
        let (before, job) = (
            currentCondition(), Job(artifact: "", computeUnits: units, protocol: Self.job)
        )
        var (measured, artifact) = try await Task.detached(priority: .userInitiated) {
            let artifact = try bundle.artifact(
                of: bundle.segmenter, target: "coreml", precision: precision)
            let compiled = try await CompiledModel(artifact, keptIn: Export.compiledModels())
            return (try measureNow(compiled.url, job, condition: before), artifact)
        }.value
        measured.after = currentCondition()
        let network = bundle.manifest.networks.first { $0.kind == NetworkKind.segmenter.rawValue }
        let listed = network?.artifacts.first { $0.target == "coreml" && $0.precision == precision }
        return ResultLine(
            runId: run, roundIndex: round, startedAt: started,
            protocol: WholeProtocol(
                warmUpInferences: Self.job.warmUpInferences,
                timedInferences: Self.job.timedInferences, timeBudgetS: Self.job.timeBudgetS,
                sustainedS: Self.job.sustainedS, rounds: Self.rounds),
            device: .current(),
            artifact: TimedArtifact(
                name: artifact.url.lastPathComponent, sha256: artifact.sha256,
                sizeBytes: listed?.graphs[0].sizeBytes ?? 0,
                variant: OrNull(value: network?.variant), precision: OrNull(value: precision)),
            measurement: measured)
    }

    private static func row(_ line: ResultLine, _ precision: String) -> String {
        let sorted = line.measurement.warmSamplesMs.sorted()
        let median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        return "\(precision): load \(Int(line.measurement.loadMs)) ms, "
            + "first \(Int(line.measurement.firstInferenceMs)) ms, "
            + "median \((median * 10).rounded() / 10) ms"
    }
}

/// `measure` is not async on purpose; this keeps it so when async code calls it.
private func measureNow(
    _ compiled: URL, _ job: Job, condition: Condition
) throws -> Measurement {
    try measure(compiled, job, condition: condition)
}
