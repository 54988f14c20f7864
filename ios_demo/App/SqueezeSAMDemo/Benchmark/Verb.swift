import CoreML
import Foundation

/// What one launch is for.
enum Verb {
    case clean
    case condition(answer: String)
    case compile(job: String, answer: String)
    case run(job: String, answer: String)

    init(words: [String]) throws {
        switch (words.first ?? "", words.count) {
        case ("clean", 1): self = .clean
        case ("condition", 2): self = .condition(answer: words[1])
        case ("compile", 3): self = .compile(job: words[1], answer: words[2])
        case ("run", 3): self = .run(job: words[1], answer: words[2])
        default: throw BenchmarkError.unknownWords(words)
        }
    }

    @MainActor
    func perform() async throws {
        let folder = Folder()
        switch self {
        case .clean:
            try folder.clean()
        case .condition(let answer):
            try folder.write(currentCondition(), to: answer)
        case .compile(let job, let answer):
            try await answering(answer, in: folder) {
                try await compiledModel(of: folder.job(job), in: folder)
            }
        case .run(let job, let answer):
            try await answering(answer, in: folder) {
                try await measurement(of: folder.job(job), in: folder)
            }
        }
    }
}

/// Writes what `work` gives, or why it gives nothing. Before the work it writes that the app did not
/// come to its end, which is what stays there if the app crashes or iOS ends it for its memory.
@MainActor
private func answering<Answer: Encodable & Sendable>(
    _ name: String, in folder: Folder, _ work: () async throws -> Answer
) async throws {
    try folder.write(Failure(error: "the app crashed, or iOS ended it"), to: name)
    do {
        try folder.write(try await work(), to: name)
    } catch {
        try folder.write(Failure(error: error.localizedDescription), to: name)
    }
}

/// Compiles a package beside itself; in a process of its own, for the memory that it takes.
private func compiledModel(of job: Job, in folder: Folder) async throws -> Compiled {
    let compiled = try await MLModel.compileModel(at: folder.model(job.artifact))
    let name = compiledName(job)
    try FileManager.default.moveItem(at: compiled, to: folder.url.appendingPathComponent(name))
    return Compiled(compiled: name)
}

@MainActor
private func measurement(of job: Job, in folder: Folder) async throws -> Measurement {
    let compiled = try folder.model(compiledName(job))
    let before = currentCondition()
    var measured = try await Task.detached(priority: .userInitiated) {
        try measure(compiled, job, condition: before)
    }.value
    measured.after = currentCondition()
    return measured
}

private func compiledName(_ job: Job) -> String {
    job.artifact + ".mlmodelc"
}
