import SwiftUI
import UIKit

/// The demo; launched with arguments, it does what they say and ends (`ios/app.py` has the words).
@main
struct DemoApp: App {
    var body: some Scene {
        WindowGroup {
            // Xcode's own arguments begin with a hyphen.
            let words = Array(CommandLine.arguments.dropFirst())
            if let first = words.first, !first.hasPrefix("-") {
                BenchmarkRunView(words: words)
            } else {
                ContentView()
            }
        }
    }
}

/// What is on the screen while the benchmark harness has the app.
private struct BenchmarkRunView: View {
    let words: [String]

    var body: some View {
        Text("SqueezeSAM benchmark\nstarted by `squeezesam bench run --on ios`")
            .multilineTextAlignment(.center)
            .task { await work() }
    }

    @MainActor
    private func work() async {
        UIApplication.shared.isIdleTimerDisabled = true
        do {
            try await Verb(words: words).perform()
            exit(EXIT_SUCCESS)
        } catch {
            print(error.localizedDescription)
            exit(EXIT_FAILURE)
        }
    }
}
