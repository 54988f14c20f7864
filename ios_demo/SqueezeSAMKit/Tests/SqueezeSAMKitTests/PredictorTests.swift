import Foundation
import SqueezeSAMKit
import Testing

/// Arithmetic in the place of networks, whose answers can be spoiled.
struct StandIn: NetworkRuntime {
    let kind: NetworkKind
    var inputSize = 64
    let loadTime = Duration.zero
    var answers: @Sendable ([String: [Float]]) -> [String: [Float]] = { $0 }

    func run(_ inputs: NetworkInputs) async throws -> [String: [Float]] {
        answers(try await StandInNetwork(kind: kind, inputSize: inputSize).run(inputs))
    }
}

let segmenter = StandIn(kind: .segmenter)
let detector = StandIn(kind: .detector)
let dark = try! Photo(bytes: Array(repeating: 0, count: 30 * 20 * 3), width: 30, height: 20)

struct PredictorTests {
    @Test(.enabled(if: vectorFolder != nil, "SQUEEZESAM_VECTORS names no folder"))
    func theDetectorRunsOnceForEachPhoto() async throws {
        let given = try #require(try vectors("golden/answers", as: [GoldenAnswers].self).first)
        let stages = Stages()
        let options = PredictorOptions(onStage: { name, _ in stages.add(name) })
        let predictor = try SamPredictor(model: segmenter, detector: detector, options: options)
        try await given.ask(predictor) { asked, masks, found in
            #expect(found.masks.count == masks.count, "\(asked.name)")
        }
        _ = try await predictor.findSalientObject()
        #expect(stages.names.filter { $0 == "detector: network" }.count == 1)
    }

    @Test func photosThatAreNoneAreRefused() async {
        for (count, width, height) in [
            (7, 2, 1), (0, 0, 1), (0, -1, -1), (9, 70000, 1), (12, Int.max, 2),
            (6, 60000, 60000),
        ] {
            let found = await refusal {
                _ = try Photo(
                    bytes: Array(repeating: 0, count: count), width: width, height: height)
            }
            #expect(found?.kind == "image", "\(width)x\(height) is taken")
        }
    }

    @Test func whatIsTransparentLiesOverWhite() throws {
        let rgba: [UInt8] = [0, 0, 0, 0, 10, 20, 30, 255, 0, 100, 200, 128]
        let photo = try Photo(bytes: rgba, width: 3, height: 1)
        #expect(photo.rgb == [255, 255, 255, 10, 20, 30, 127, 177, 227])
    }

    @Test func cutOutsHoldNothingOfWhatIsTransparent() async throws {
        let photo = try Photo(bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9], width: 3, height: 1)
        #expect(try photo.rgba([255, 0, 9]) == [1, 2, 3, 255, 0, 0, 0, 0, 7, 8, 9, 9])
        let found = await refusal { _ = try photo.rgba([255]) }
        #expect(found?.kind == "image")
    }

    @Test func promptsWithoutMeaningAreRefused() async throws {
        let predictor = try SamPredictor(model: segmenter, detector: detector)
        let missing = await refusal { _ = try await predictor.predict() }
        #expect(missing?.kind == "image", "it predicts without a photo")
        await predictor.setImage(dark)
        let nothing = await refusal { _ = try await predictor.predict() }
        #expect(nothing?.kind == "noSalientObject", "it finds something in the dark")
        let questions = [
            Question(pointCoords: [Point(30, 5)], pointLabels: [1]),
            Question(pointCoords: [Point(-1, 5)], pointLabels: [1]),
            Question(pointCoords: [Point(.nan, 5)], pointLabels: [1]),
            Question(pointCoords: [Point(.infinity, 5)], pointLabels: [-1]),
            Question(pointCoords: [Point(5, 5)], pointLabels: [7]),
            Question(pointCoords: [Point(5, 5)], pointLabels: [0]),
            Question(pointCoords: [Point(5, 5)], pointLabels: [2]),
            Question(pointCoords: [Point(5, 5)], pointLabels: []),
            Question(pointCoords: [Point(5, 5)], pointLabels: [-1]),
            Question(box: Box(5, 5, 5, 9)),
            Question(box: Box(40, 5, 50, 9)),
            Question(box: Box(.nan, 5, 50, 9)),
            Question(box: Box(0, 0, .infinity, 9)),
            Question(maskInput: [1, 2, 3]),
            Question(maskInput: Array(repeating: .nan, count: 1024)),
        ]
        for question in questions {
            let found = await refusal { _ = try await predictor.predict(question) }
            #expect(found?.kind == "prompt", "\(question) is taken")
        }
    }

    @Test func networksInTheOthersPlaceAreRefused() {
        #expect(throws: SqueezeSAMError.self) { try SamPredictor(model: detector) }
        #expect(throws: SqueezeSAMError.self) {
            try SamPredictor(model: segmenter, detector: segmenter)
        }
    }

    @Test func optionsOutOfTheirRangesAreRefused() async throws {
        for options in [
            PredictorOptions(cleaning: MaskCleaning(speckArea: -1)),
            PredictorOptions(cleaning: MaskCleaning(pinholeArea: -1)),
            PredictorOptions(looking: Looking(surroundings: 99)),
            PredictorOptions(looking: Looking(smallest: 0)),
            PredictorOptions(sampling: ClickSampling(threshold: 0)),
            PredictorOptions(sampling: ClickSampling(peak: 256)),
            PredictorOptions(sampling: ClickSampling(smallestPerMille: 1001)),
            PredictorOptions(sampling: ClickSampling(clicks: 6)),
        ] {
            let found = await refusal {
                _ = try SamPredictor(model: segmenter, detector: detector, options: options)
            }
            #expect(found?.kind == "config", "\(options) is taken")
        }
        let widest = PredictorOptions(looking: Looking(surroundings: .max, smallest: .max))
        let predictor = try SamPredictor(model: segmenter, options: widest)
        await predictor.setImage(dark)
        _ = try await predictor.predict(Question(pointCoords: [Point(1, 1)], pointLabels: [1]))
    }

    @Test func answersThatAreNoNumbersAreRefused() async throws {
        for spoil in [Float.nan, .infinity] {
            let broken = StandIn(
                kind: .segmenter,
                answers: { outputs in outputs.mapValues { $0.map { _ in spoil } } })
            let predictor = try SamPredictor(model: broken)
            await predictor.setImage(dark)
            let found = await refusal {
                _ = try await predictor.predict(
                    Question(pointCoords: [Point(1, 1)], pointLabels: [1]))
            }
            #expect(found?.kind == "artifact", "\(spoil) is taken")
        }
        let short = StandIn(kind: .detector, answers: { $0.mapValues { Array($0.dropLast()) } })
        let predictor = try SamPredictor(model: segmenter, detector: short)
        await predictor.setImage(dark)
        let found = await refusal { _ = try await predictor.findSalientObject() }
        #expect(found?.kind == "artifact", "a heat map of another size is taken")
    }

    @Test func photosOfOnePixelAndOfOneRowAreAnswered() async throws {
        let predictor = try SamPredictor(model: segmenter)
        for (width, height) in [(1, 1), (3000, 1), (1, 3000), (2, 1)] {
            let bytes = [UInt8](repeating: 250, count: 3 * width * height)
            await predictor.setImage(try Photo(bytes: bytes, width: width, height: height))
            let last = Point(Float(width) - 0.5, Float(height) - 0.5)
            let found = try await predictor.predict(
                Question(pointCoords: [last], pointLabels: [1], multimaskOutput: false))
            #expect(found.masks[0] == Array(repeating: true, count: width * height))
        }
    }
}

final class Stages: @unchecked Sendable {
    private let lock = NSLock()
    private var found: [String] = []

    func add(_ name: String) { lock.withLock { found.append(name) } }

    var names: [String] { lock.withLock { found } }
}
