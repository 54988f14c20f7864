import Foundation

/// What a predictor is asked about one photo, with its answers: a case of kind `answers` of
/// `squeezesam/vectors/answers.py`.
package struct GoldenAnswers: Decodable, Sendable {
    package struct Asked: Decodable, Sendable {
        package let name: String
        let method: String
        let pointCoords: [Point]?
        let pointLabels: [Int]?
        let box: Box?
        let previous: String?
        let multimaskOutput: Bool
        let masks: [Data]
        package let iouPredictions: [Float]
        let lowResMasks: [[Float]]

        /// The masks of a photo of so many pixels; in the case there are eight in a byte.
        package func masks(pixels: Int) throws -> [[Bool]] {
            try masks.map { packed -> [Bool] in
                guard packed.count == (pixels + 7) / 8 else { throw damage }
                let bytes = [UInt8](packed)
                return (0..<pixels).map { (pixel: Int) -> Bool in
                    let bit: UInt8 = 0x80 >> UInt8(pixel % 8)
                    return bytes[pixel / 8] & bit != 0
                }
            }
        }
    }

    struct Tolerance: Decodable, Sendable {
        let iouPredictions: Float
        let lowResMasks: Float
    }

    let name: String
    let photo: [Int]
    let pixels: Data
    /// Of the stand-ins for networks, whose answers these are; nil where they are of real ones.
    let inputSize: Int?
    let heat: Data
    package let clicks: [Point]
    let asked: [Asked]
    let tolerance: Tolerance

    /// The names of all questions that the kit answers differently with the stand-ins.
    func failures() async throws -> [String] {
        guard let size = inputSize, (1...Spec.maxInputSize).contains(size),
            size % Spec.saliencyStride == 0
        else { throw damage }
        let predictor = try SamPredictor(
            model: StandInNetwork(kind: .segmenter, inputSize: size),
            detector: StandInNetwork(kind: .detector, inputSize: size))
        var names: [String] = []
        try await ask(predictor) { asked, masks, found in
            let same =
                found.masks == masks && found.lowResMasks.count == asked.lowResMasks.count
                && areNear(
                    found.iouPredictions, asked.iouPredictions, by: tolerance.iouPredictions)
                && zip(found.lowResMasks, asked.lowResMasks).allSatisfy {
                    areNear($0, $1, by: tolerance.lowResMasks)
                }
            if !same { names.append("\(name): \(asked.name)") }
        }
        let finding = try await predictor.findSalientObject()
        if finding.heat != [UInt8](heat) || finding.coords != clicks { names.append(name) }
        return names
    }

    /// Asks a predictor all questions in their order.
    ///
    /// - Parameter check: takes a question, its masks, and what the predictor answers.
    package func ask(
        _ predictor: SamPredictor, check: (Asked, [[Bool]], Prediction) throws -> Void
    ) async throws {
        guard photo.count == 2 else { throw damage }
        let shown = try Photo(bytes: [UInt8](pixels), width: photo[0], height: photo[1])
        await predictor.setImage(shown)
        var lowRes: [String: [Float]] = [:]
        for one in asked {
            let question = Question(
                pointCoords: one.pointCoords ?? [], pointLabels: one.pointLabels ?? [],
                box: one.box, maskInput: one.previous.flatMap { lowRes[$0] },
                multimaskOutput: one.multimaskOutput)
            let answer =
                try await one.method == "edit"
                ? predictor.edit(question) : predictor.predict(question)
            lowRes[one.name] = answer.lowResMasks[0]
            try check(one, one.masks(pixels: shown.width * shown.height), answer)
        }
    }
}

private let damage = SqueezeSAMError.artifact(
    "a golden vector of whole answers is damaged; export again")
