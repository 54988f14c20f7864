import Foundation
import SqueezeSAMKit
import Testing

/// What Python answered, as the exporter, `tests/swift_vectors.py` and `tests/web_vectors.py` write it.
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
