import COnnxRuntime
import Foundation
import SqueezeSAMKit

/// ONNX Runtime's library, through its C interface.
public struct ONNXLibrary: @unchecked Sendable {
    fileprivate let api: UnsafePointer<SqueezeSAMOrtApi>
    public let version: String

    /// The library that a program links already: give what its `OrtGetApiBase()` returns.
    ///
    /// - Throws: `SqueezeSAMError.config` where it is none.
    public init(apiBase: UnsafeRawPointer) throws {
        let base = apiBase.assumingMemoryBound(to: SqueezeSAMOrtApiBase.self).pointee
        guard let api = base.GetApi(1), let version = base.GetVersionString() else {
            throw SqueezeSAMError.config("this is no ONNX Runtime; link the official library")
        }
        self.api = api
        self.version = String(cString: version)
    }

    /// A shared library in a file, such as `libonnxruntime.so`.
    ///
    /// - Throws: `SqueezeSAMError.config` where it cannot be loaded.
    public init(path: String) throws {
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL),
            let symbol = dlsym(library, "OrtGetApiBase")
        else {
            let reason = dlerror().map { String(cString: $0) } ?? "no reason is given"
            throw SqueezeSAMError.config(
                "\(path) is no ONNX Runtime (\(reason)); name libonnxruntime")
        }
        typealias GetApiBase = @convention(c) () -> UnsafeRawPointer?
        guard let base = unsafeBitCast(symbol, to: GetApiBase.self)() else {
            throw SqueezeSAMError.config("\(path) has no interface; name libonnxruntime")
        }
        try self.init(apiBase: base)
    }
}

/// An ONNX artifact, loaded by ONNX Runtime; it runs on the CPU.
///
/// Runs are done one after the other, off the main thread.
public actor ONNXRuntime: NetworkRuntime {
    public nonisolated let kind: NetworkKind
    public nonisolated let inputSize: Int
    public nonisolated let loadTime: Duration
    private let session: Session
    private let record: NetworkRecord

    /// Loads an artifact whose hashes have proved to be right.
    ///
    /// - Parameters:
    ///   - artifact: a checked file of the bundle.
    ///   - library: ONNX Runtime.
    ///   - threads: that one run may use; 0 lets the library choose.
    /// - Throws: `SqueezeSAMError.artifact` where the runtime does not take the file, or it has
    ///   other inputs or outputs than the manifest says.
    public init(_ artifact: CheckedArtifact, library: ONNXLibrary, threads: Int = 0) throws {
        let started = ContinuousClock.now
        let session = try Session(artifact.url.path, library.api, threads: threads)
        let record = artifact.network
        let found = try session.tensorNames()
        let wanted = (record.inputs + record.outputs).map(\.name)
        guard found == wanted else {
            throw SqueezeSAMError.artifact(
                "the \(record.kind.rawValue) has the tensors \(found.joined(separator: ", ")) "
                    + "instead of \(wanted.joined(separator: ", ")); export again")
        }
        self.session = session
        self.record = record
        kind = record.kind
        inputSize = record.inputSize
        loadTime = ContinuousClock.now - started
    }

    public func run(_ inputs: NetworkInputs) async throws -> [String: [Float]] {
        let tensors = try record.inputs.map { input in
            let values = try inputs.values(of: input.name)
            guard values.count == input.shape.reduce(1, *) else {
                throw SqueezeSAMError.artifact(
                    "the network takes \(input.shape) as \(input.name), got \(values.count) "
                        + "numbers; give a picture of \(inputSize) pixels")
            }
            return (input.name, input.shape, values)
        }
        return try session.run(tensors, outputs: record.outputs.map(\.name))
    }
}

/// One session and what it needs; only its actor uses it.
private final class Session {
    private let api: UnsafePointer<SqueezeSAMOrtApi>
    private var environment: OpaquePointer?
    private var session: OpaquePointer?
    private var memory: OpaquePointer?

    private static let errorsOnly: Int32 = 3
    private static let float: Int32 = 1

    init(_ path: String, _ api: UnsafePointer<SqueezeSAMOrtApi>, threads: Int) throws {
        self.api = api
        try check(api.pointee.CreateEnv(Self.errorsOnly, "SqueezeSAM", &environment))
        var options: OpaquePointer?
        try check(api.pointee.CreateSessionOptions(&options))
        defer { api.pointee.ReleaseSessionOptions(options) }
        try check(api.pointee.SetIntraOpNumThreads(options, Int32(threads)))
        try check(api.pointee.CreateSession(environment, path, options, &session))
        try check(api.pointee.CreateCpuMemoryInfo(1, 0, &memory))
    }

    deinit {
        if let memory { api.pointee.ReleaseMemoryInfo(memory) }
        if let session { api.pointee.ReleaseSession(session) }
        if let environment { api.pointee.ReleaseEnv(environment) }
    }

    private func check(_ status: OpaquePointer?) throws {
        guard let status else { return }
        defer { api.pointee.ReleaseStatus(status) }
        let message = api.pointee.GetErrorMessage(status).map { String(cString: $0) } ?? ""
        let line = message.split(separator: "\n").first.map { String($0.prefix(300)) } ?? ""
        throw SqueezeSAMError.artifact(
            "ONNX Runtime refuses the network (\(line)); choose another precision or export again")
    }

    /// Names of all inputs, then of all outputs.
    func tensorNames() throws -> [String] {
        var allocator: OpaquePointer?
        try check(api.pointee.GetAllocatorWithDefaultOptions(&allocator))
        var (inputs, outputs) = (0, 0)
        try check(api.pointee.SessionGetInputCount(session, &inputs))
        try check(api.pointee.SessionGetOutputCount(session, &outputs))
        return try (0..<(inputs + outputs)).map { index in
            var name: UnsafeMutablePointer<CChar>?
            let status =
                index < inputs
                ? api.pointee.SessionGetInputName(session, index, allocator, &name)
                : api.pointee.SessionGetOutputName(session, index - inputs, allocator, &name)
            try check(status)
            guard let name else { return "" }
            defer { _ = api.pointee.AllocatorFree(allocator, name) }
            return String(cString: name)
        }
    }

    func run(
        _ inputs: [(name: String, shape: [Int], values: [Float])], outputs: [String]
    ) throws -> [String: [Float]] {
        var buffers: [UnsafeMutableBufferPointer<Float>] = []
        var values: [OpaquePointer?] = []
        let names = inputs.map { strdup($0.name) }
        let outputNames = outputs.map { strdup($0) }
        var answers = [OpaquePointer?](repeating: nil, count: outputs.count)
        defer {
            for value in values + answers { if let value { api.pointee.ReleaseValue(value) } }
            for buffer in buffers { buffer.deallocate() }
            for name in names + outputNames { free(name) }
        }
        for input in inputs {
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: input.values.count)
            _ = buffer.initialize(from: input.values)
            buffers.append(buffer)
            var value: OpaquePointer?
            try check(
                api.pointee.CreateTensorWithDataAsOrtValue(
                    memory, buffer.baseAddress, buffer.count * MemoryLayout<Float>.stride,
                    input.shape.map(Int64.init), input.shape.count, Self.float, &value))
            values.append(value)
        }
        try check(
            api.pointee.Run(
                session, nil, names.map { UnsafePointer($0) }, values, values.count,
                outputNames.map { UnsafePointer($0) }, outputNames.count, &answers))
        return Dictionary(
            uniqueKeysWithValues: try zip(outputs, answers).map { ($0, try floats(of: $1)) })
    }

    private func floats(of value: OpaquePointer?) throws -> [Float] {
        var info: OpaquePointer?
        try check(api.pointee.GetTensorTypeAndShape(value, &info))
        defer { api.pointee.ReleaseTensorTypeAndShapeInfo(info) }
        var (type, count): (Int32, Int) = (0, 0)
        try check(api.pointee.GetTensorElementType(info, &type))
        try check(api.pointee.GetTensorShapeElementCount(info, &count))
        var data: UnsafeMutableRawPointer?
        try check(api.pointee.GetTensorMutableData(value, &data))
        guard type == Self.float, let data else {
            throw SqueezeSAMError.artifact("the network answers no float32 numbers; export again")
        }
        return Array(
            UnsafeBufferPointer(start: data.assumingMemoryBound(to: Float.self), count: count))
    }
}
