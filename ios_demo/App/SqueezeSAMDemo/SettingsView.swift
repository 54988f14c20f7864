import SqueezeSAMKit
import SwiftUI

/// Scheme and processors, how long things take, and the screens that check and compare.
struct SettingsView: View {
    @ObservedObject var session: Session

    var body: some View {
        Form {
            Section("Networks") {
                Picker("Scheme", selection: $session.precision) {
                    ForEach(session.precisions, id: \.self) { Text($0).tag($0) }
                }
                Picker("Compute units", selection: $session.computeUnits) {
                    ForEach(ComputeUnits.allCases, id: \.self) { Text($0.rawValue).tag($0) }
                }
                Button("Load") { Task { await session.load() } }.disabled(session.isBusy)
                Text(session.message).font(.footnote)
            }
            Section("Times") {
                TimeRow(name: "load, once", milliseconds: session.loadMilliseconds)
                ForEach(session.times) { stage in
                    TimeRow(name: stage.name, milliseconds: Int(stage.milliseconds.rounded()))
                }
                TimeRow(name: "the whole last answer", milliseconds: session.answerMilliseconds)
            }
            Section("Checks") {
                NavigationLink("Self-check") { SelfCheckView(session: session) }
                NavigationLink("Placement") { PlacementView(session: session) }
                NavigationLink("Benchmark") { BenchmarkView(session: session) }
                NavigationLink("Apple's request") { AppleRequestView(session: session) }
            }
        }
        .navigationTitle("Settings")
    }
}

/// How long something took.
private struct TimeRow: View {
    let name: String
    let milliseconds: Int

    var body: some View {
        HStack {
            Text(name)
            Spacer()
            Text("\(milliseconds) ms").monospacedDigit()
        }
        .accessibilityElement(children: .combine)
    }
}

/// Holds the kit and the loaded networks to the golden vectors of the export.
struct SelfCheckView: View {
    @ObservedObject var session: Session
    @State private var lines: [SelfCheck.Line] = []
    @State private var message = "Compares this device with PyTorch, on the export's golden cases."
    @State private var isRunning = false

    var body: some View {
        List {
            Text(message).font(.footnote)
            Button("Run") { Task { await run() } }.disabled(isRunning)
            ForEach(lines) { line in
                Label {
                    VStack(alignment: .leading) {
                        Text(line.name)
                        Text(line.detail).font(.footnote)
                    }
                } icon: {
                    Image(systemName: line.passed ? "checkmark.circle" : "xmark.octagon")
                        .accessibilityLabel(Text(line.passed ? "Passed" : "Failed"))
                }
                .accessibilityElement(children: .combine)
            }
        }
        .navigationTitle("Self-check")
    }

    private func run() async {
        guard let bundle = session.bundle, let loaded = session.networks else {
            message = "No networks are loaded; load them in Settings."
            return
        }
        // Of the scheme that is loaded, which is not always the one that is chosen.
        let check = SelfCheck(bundle: bundle, precision: loaded.precision)
        (lines, message, isRunning) = ([], "Running in \(loaded.precision) …", true)
        defer { isRunning = false }
        do {
            lines = try await Task.detached { try await check.checkCode() }.value
            lines += try await Task.detached { try await check.check(loaded.all) }.value
            let failed = lines.filter { !$0.passed }.count
            message = failed == 0 ? "All passed in \(loaded.precision)." : "\(failed) failed."
        } catch {
            message = error.localizedDescription
        }
    }
}

/// On which processors Core ML means to run the operators.
struct PlacementView: View {
    @ObservedObject var session: Session
    @State private var lines: [String] = []

    var body: some View {
        List {
            ForEach(lines, id: \.self) { Text($0) }
        }
        .navigationTitle("Placement")
        .task { lines = await found() }
    }

    private func found() async -> [String] {
        guard #available(iOS 17.4, *) else { return ["It takes iOS 17.4."] }
        var lines: [String] = []
        for network in session.networks?.all ?? [] {
            do {
                let placement = try await network.placement()
                for (device, count) in placement.operations.sorted(by: { $0.key < $1.key }) {
                    let share = Int(((placement.costs[device] ?? 0) * 100).rounded())
                    lines.append(
                        "\(network.kind.rawValue): \(device), \(count) operators, "
                            + "\(share) % of the cost")
                }
            } catch {
                lines.append(error.localizedDescription)
            }
        }
        return lines
    }
}
