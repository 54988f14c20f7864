import Foundation
import SqueezeSAMKit
import Testing

/// What Python answered, as `tests/swift_vectors.py` and `tests/web_vectors.py` write it.
let vectorFolder = ProcessInfo.processInfo.environment["SQUEEZESAM_VECTORS"]
let exportFolder = ProcessInfo.processInfo.environment["SQUEEZESAM_BUNDLE"]
let onnxLibrary = ProcessInfo.processInfo.environment["SQUEEZESAM_ONNX_LIBRARY"]

func vectorURL(_ name: String) throws -> URL {
    URL(fileURLWithPath: try #require(vectorFolder)).appendingPathComponent(name)
}

func vectors<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: Data(contentsOf: vectorURL(name + ".json")))
}

extension Data {
    var floats: [Float] {
        withUnsafeBytes { bytes in
            (0..<(count / 4)).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    var bools: [Bool] { map { $0 != 0 } }
}

func distance(_ one: [Float], _ other: [Float]) -> Float {
    guard one.count == other.count else { return .infinity }
    return zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

func share(_ one: [Bool], _ other: [Bool]) -> Double {
    guard one.count == other.count else { return 0 }
    let both = zip(one, other).filter { $0 && $1 }.count
    let either = zip(one, other).filter { $0 || $1 }.count
    return either == 0 ? 1 : Double(both) / Double(either)
}

extension SqueezeSAMError {
    /// The name of its case.
    var kind: String? { Mirror(reflecting: self).children.first?.label }
}

/// The error that `work` throws, or nil where it throws none.
func refusal(_ work: () async throws -> Void) async -> SqueezeSAMError? {
    do {
        try await work()
        return nil
    } catch {
        return error as? SqueezeSAMError
    }
}

/// What Python's predictor was asked about one photo, and its answers.
struct Answers: Decodable {
    struct Asked: Decodable {
        struct Question: Decodable {
            let pointCoords: [Point]?
            let pointLabels: [Int]?
            let box: Box?
            let multimaskOutput: Bool?
        }

        let name: String
        let method: String
        let question: Question
        let previous: String?
        let masks: [Data]
        let iouPredictions: Data
        let lowResMasks: [Data]
    }

    let photo: [Int]
    let pixels: Data
    let heat: Data
    let clicks: [Point]
    let asked: [Asked]
}

/// Asks a predictor what Python's was asked, in the same order; `check` gets both answers.
func askAll(
    _ predictor: SamPredictor, _ given: Answers, check: (Answers.Asked, Prediction) -> Void
) async throws {
    await predictor.setImage(
        try Photo(bytes: [UInt8](given.pixels), width: given.photo[0], height: given.photo[1]))
    var lowRes: [String: [Float]] = [:]
    for asked in given.asked {
        let isEdit = asked.method == "edit"
        let question = Question(
            pointCoords: asked.question.pointCoords ?? [],
            pointLabels: asked.question.pointLabels ?? [],
            box: asked.question.box,
            maskInput: asked.previous.flatMap { lowRes[$0] },
            multimaskOutput: asked.question.multimaskOutput ?? !isEdit)
        let answer = try await isEdit ? predictor.edit(question) : predictor.predict(question)
        lowRes[asked.name] = answer.lowResMasks[0]
        check(asked, answer)
    }
}
