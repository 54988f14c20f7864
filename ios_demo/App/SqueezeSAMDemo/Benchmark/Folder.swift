import Foundation

/// The one folder of the container that the harness and the app use; `ios/app.py`'s FOLDER.
struct Folder {
    let url = FileManager.default
        .urls(for: .documentDirectory, in: .userDomainMask)[0]
        .appendingPathComponent("squeezesam", isDirectory: true)

    /// Leaves the folder empty.
    func clean() throws {
        if FileManager.default.fileExists(atPath: url.path) {
            try FileManager.default.removeItem(at: url)
        }
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    /// The place of a model, which must be there.
    func model(_ name: String) throws -> URL {
        let model = url.appendingPathComponent(name, isDirectory: true)
        guard FileManager.default.fileExists(atPath: model.path) else {
            throw BenchmarkError.noModel(name)
        }
        return model
    }

    func job(_ name: String) throws -> Job {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            Job.self, from: Data(contentsOf: url.appendingPathComponent(name)))
    }

    /// Writes an answer, whole or not at all.
    func write(_ answer: some Encodable, to name: String) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let data = try encoder.encode(answer)
        try data.write(to: url.appendingPathComponent(name), options: .atomic)
    }
}
