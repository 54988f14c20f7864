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
            Section("Time of the last answer") {
                ForEach(session.times) { stage in
                    HStack {
                        Text(stage.name)
                        Spacer()
                        Text("\(Int(stage.milliseconds.rounded())) ms").monospacedDigit()
                    }
                    .accessibilityElement(children: .combine)
                }
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

/// Holds the kit and the loaded networks to the golden vectors of the export.
struct SelfCheckView: View {
    @ObservedObject var session: Session
    @State private var lines: [SelfCheck.Line] = []
    @State private var message = "Compares this device with PyTorch, on the export's golden cases."

    var body: some View {
        List {
            Text(message).font(.footnote)
            Button("Run") { Task { await run() } }
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
        guard let bundle = session.bundle else { return }
        let networks = session.loadedNetworks()
        let check = SelfCheck(bundle: bundle, precision: session.precision)
        (lines, message) = ([], "Running …")
        do {
            lines = try await Task.detached { try check.checkCode() }.value
            for network in networks { lines += try await check.check(network) }
            let failed = lines.filter { !$0.passed }.count
            message = failed == 0 ? "All passed." : "\(failed) failed."
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
        for network in session.loadedNetworks() {
            guard let network = network as? CoreMLRuntime else { continue }
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
