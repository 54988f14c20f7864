import Foundation

/// What the harness asks for: `ios/app.py`'s AppJob. Keys are the properties' names in snake case.
struct Job: Decodable {
    let artifact: String
    let computeUnits: String
    let `protocol`: ProcessProtocol
}

/// The part of `protocol.py`'s Protocol that concerns one process.
struct ProcessProtocol: Decodable {
    let warmUpInferences: Int
    let timedInferences: Int
    let timeBudgetS: Double
    let sustainedS: Double
}

/// `results/records.py`'s Condition; what the phone does not say is left out.
struct Condition: Encodable {
    let thermalState: String?
    let batteryPercent: Double?
    let charging: Bool?
    let powerMode: String
}

/// `results/records.py`'s Measurement. This app times a model alone, so there are no pipeline samples.
struct Measurement: Encodable {
    let runtime = "coreml"
    let runtimeVersion: OrNull<String>
    let backend: String
    let threads = OrNull<Int>(value: nil)
    let pinnedCores = OrNull<[Int]>(value: nil)
    let loadMs: Double
    let firstInferenceMs: Double
    let warmSamplesMs: [Double]
    let pipelineSamples: [Double] = []
    let sustainedSamplesMs: [Double]
    let peakMemoryBytes: OrNull<Int64>
    let memoryKind = "phys_footprint"
    var before: Condition
    var after: Condition
}

/// `ios/app.py`'s Compiled.
struct Compiled: Encodable {
    let compiled: String
}

/// What is written instead of any other answer.
struct Failure: Encodable {
    let error: String
}

/// A value that is written as null where it is unknown; the encoder would leave out a bare optional.
struct OrNull<Value: Encodable & Sendable>: Encodable, Sendable {
    let value: Value?

    func encode(to encoder: Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// Everything that goes wrong in the app, in words for the person at the computer.
enum BenchmarkError: LocalizedError {
    case noModel(String)
    case unknownWords([String])
    case unknownComputeUnits(String)
    case unknownInput(name: String, kind: String)

    var errorDescription: String? {
        switch self {
        case .noModel(let name):
            return "\(name) did not arrive on the phone"
        case .unknownWords(let words):
            return "the app does not know \(words); build it again"
        case .unknownComputeUnits(let name):
            return "the app does not know compute units \(name); build it again"
        case .unknownInput(let name, let kind):
            return "input \(name) takes \(kind), of which the app makes no random values"
        }
    }
}
