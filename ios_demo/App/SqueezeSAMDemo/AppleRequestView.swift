import CoreGraphics
import SqueezeSAMKit
import SwiftUI
import Vision

/// Apple's own request on the photo and clicks at hand, for comparison on one phone.
///
/// `GenerateIterativeSegmentationRequest` came with iOS 27 and its SDK; set the compilation condition
/// IOS_27_SDK to build with it. What Apple documents is used, and nothing else: which network it
/// is, at which size it runs and whether two requests share anything are not documented.
struct AppleRequestView: View {
    @ObservedObject var session: Session
    @State private var lines: [String] = []
    @State private var mask: CGImage?

    var body: some View {
        List {
            Text(
                "Apple's request on the same photo and clicks. The first run includes what the "
                    + "system loads."
            ).font(.footnote)
            Button("Run") { Task { await run() } }
                .disabled(session.selection.question == nil)
            ForEach(lines, id: \.self) { Text($0).monospacedDigit() }
            if !session.times.isEmpty {
                Text(
                    "SqueezeSAM: load \(session.loadMilliseconds) ms, last answer "
                        + "\(session.answerMilliseconds) ms"
                ).monospacedDigit()
            }
            if let mask {
                Image(decorative: mask, scale: 1).resizable().scaledToFit()
                    .accessibilityLabel(Text("Apple's mask"))
            }
        }
        .navigationTitle("Apple's request")
    }

    private func run() async {
        #if IOS_27_SDK
            guard #available(iOS 27, *) else {
                lines = ["It takes iOS 27."]
                return
            }
            guard let photo = session.photo, let image = photo.image.cgImage,
                let question = session.selection.question
            else { return }
            do {
                let answer = try await AppleAnswer(
                    image, question, width: photo.pixels.width, height: photo.pixels.height)
                (lines, mask) = (answer.lines, answer.mask)
            } catch {
                lines = [error.localizedDescription]
            }
        #else
            lines = ["This app was built without the SDK of iOS 27; see ios_demo/README.md."]
        #endif
    }
}

#if IOS_27_SDK
    /// What Apple's request answers, and how long each part takes.
    @available(iOS 27, *)
    private struct AppleAnswer {
        var lines: [String] = []
        var mask: CGImage?

        /// - Parameters:
        ///   - question: what SqueezeSAM was asked last.
        ///   - width: of the photo.
        ///   - height: of the photo.
        init(_ image: CGImage, _ question: Question, width: Int, height: Int) async throws {
            // Vision's normalized places begin at the lower left.
            func place(_ point: Point) -> NormalizedPoint {
                NormalizedPoint(
                    x: (Double(point.x) + 0.5) / Double(width),
                    y: 1 - (Double(point.y) + 0.5) / Double(height))
            }
            var clicks = Array(zip(question.pointCoords, question.pointLabels))
            let request: GenerateIterativeSegmentationRequest
            if let box = question.box {
                request = GenerateIterativeSegmentationRequest(
                    seedBox: NormalizedRect(
                        x: Double(box.x0) / Double(width), y: 1 - Double(box.y1) / Double(height),
                        width: Double(box.x1 - box.x0) / Double(width),
                        height: Double(box.y1 - box.y0) / Double(height)))
            } else if let first = clicks.firstIndex(where: { $0.1 == 1 }) {
                request = GenerateIterativeSegmentationRequest(
                    seedPoint: place(clicks.remove(at: first).0))
            } else {
                lines = ["It takes a positive click or a box; it has no automatic mask."]
                return
            }
            for (point, label) in clicks {
                try label == 1
                    ? request.addIncludedPoint(place(point))
                    : request.addExcludedPoint(place(point))
            }
            if case .ready = await request.assetStatus {
            } else {
                let time = try await ContinuousClock().measure {
                    try await request.downloadAssets()
                }
                lines.append("download: \(Int(time.milliseconds)) ms")
            }
            for name in ["first run, with loading", "second run"] {
                let started = ContinuousClock.now
                let observation = try await request.perform(on: image)
                let time = ContinuousClock.now - started
                lines.append("\(name): \(Int(time.milliseconds)) ms")
                mask = try observation?.cgImage
            }
            if mask == nil { lines.append("It finds nothing to segment there.") }
        }
    }
#endif
