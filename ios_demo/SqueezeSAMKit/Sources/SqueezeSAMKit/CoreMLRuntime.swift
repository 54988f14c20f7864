#if canImport(CoreML)
    import CoreML
    import CoreVideo
    import Foundation

    /// The processors that Core ML may use, by the names of `MLComputeUnits`.
    public enum ComputeUnits: String, CaseIterable, Sendable {
        case all
        case cpuOnly
        case cpuAndGPU
        case cpuAndNeuralEngine

        private var units: MLComputeUnits {
            switch self {
            case .all: return .all
            case .cpuOnly: return .cpuOnly
            case .cpuAndGPU: return .cpuAndGPU
            case .cpuAndNeuralEngine: return .cpuAndNeuralEngine
            }
        }

        /// What Core ML loads a model with, to keep to these processors.
        public var configuration: MLModelConfiguration {
            let configuration = MLModelConfiguration()
            configuration.computeUnits = units
            return configuration
        }
    }

    /// A package that Core ML has compiled for the device at hand.
    public struct CompiledModel: Sendable {
        public let url: URL
        public let network: NetworkRecord

        /// Compiles a checked .mlpackage, or takes what was compiled of the same content before.
        ///
        /// - Parameters:
        ///   - artifact: a checked package of the bundle.
        ///   - folder: where compiled models are kept.
        /// - Throws: `SqueezeSAMError.artifact` where Core ML refuses it.
        public init(_ artifact: CheckedArtifact, keptIn folder: URL) async throws {
            network = artifact.network
            url = folder.appendingPathComponent(artifact.sha256 + ".mlmodelc", isDirectory: true)
            if FileManager.default.fileExists(atPath: url.path) { return }
            do {
                try FileManager.default.createDirectory(
                    at: folder, withIntermediateDirectories: true)
                let compiled = try await MLModel.compileModel(at: artifact.url)
                do {
                    try FileManager.default.moveItem(at: compiled, to: url)
                } catch  where FileManager.default.fileExists(atPath: url.path) {
                    // Another task has compiled the same content meanwhile.
                    try FileManager.default.removeItem(at: compiled)
                }
            } catch {
                throw refused(error, "compile", network.kind)
            }
        }
    }

    /// A Core ML package, loaded. The photo goes in as pixels; the package scales them itself.
    ///
    /// `MLModel` is for one thread at a time, so predictions are done one after the other, off the
    /// main thread.
    public actor CoreMLRuntime: NetworkRuntime {
        public nonisolated let kind: NetworkKind
        public nonisolated let inputSize: Int
        public nonisolated let loadTime: Duration
        public nonisolated let computeUnits: ComputeUnits
        private let compiled: CompiledModel
        private let model: MLModel
        private let pixels: CVPixelBuffer

        /// Loads a compiled model; this blocks the thread, so it is not for the main one.
        ///
        /// - Throws: `SqueezeSAMError.artifact` where Core ML refuses it.
        public init(_ compiled: CompiledModel, computeUnits: ComputeUnits = .all) throws {
            let (kind, size) = (compiled.network.kind, compiled.network.inputSize)
            let started = ContinuousClock.now
            do {
                model = try MLModel(
                    contentsOf: compiled.url, configuration: computeUnits.configuration)
            } catch {
                throw refused(error, "load", kind)
            }
            loadTime = ContinuousClock.now - started
            pixels = try pixelBuffer(size)
            self.compiled = compiled
            self.computeUnits = computeUnits
            self.kind = kind
            inputSize = size
        }

        public func run(_ inputs: NetworkInputs) async throws -> [String: [Float]] {
            try predict(inputs)
        }

        /// Not async on purpose: in async code, Swift prefers async overloads of `prediction`,
        /// which may overlap.
        private func predict(_ inputs: NetworkInputs) throws -> [String: [Float]] {
            let network = compiled.network
            guard inputs.image.size == inputSize else {
                throw SqueezeSAMError.config(
                    "the picture has \(inputs.image.size) pixels, the network \(inputSize)")
            }
            var features: [String: Any] = [:]
            for input in network.inputs where input.name != TensorName.image {
                let values = try inputs.values(of: input.name)
                features[input.name] = MLFeatureValue(
                    multiArray: MLMultiArray(
                        MLShapedArray<Float>(scalars: values, shape: input.shape)))
            }
            try fill(pixels, with: inputs.image)
            features[TensorName.image] = MLFeatureValue(pixelBuffer: pixels)
            let answer: any MLFeatureProvider
            do {
                let provider = try MLDictionaryFeatureProvider(dictionary: features)
                answer = try model.prediction(from: provider)
            } catch {
                throw refused(error, "run", kind)
            }
            var outputs: [String: [Float]] = [:]
            for output in network.outputs {
                guard let array = answer.featureValue(for: output.name)?.multiArrayValue,
                    array.dataType == .float32
                else {
                    throw SqueezeSAMError.artifact(
                        "the \(kind.rawValue) gives no float32 \(output.name); export again")
                }
                outputs[output.name] = Array(MLShapedArray<Float>(array).scalars)
            }
            return outputs
        }

        /// On which processors Core ML means to run the operators.
        ///
        /// - Throws: `SqueezeSAMError.artifact` where Core ML makes no plan of this model.
        @available(iOS 17.4, macOS 14.4, *)
        public nonisolated func placement() async throws -> Placement {
            let plan: MLComputePlan
            do {
                plan = try await MLComputePlan.load(
                    contentsOf: compiled.url, configuration: computeUnits.configuration)
            } catch {
                throw refused(error, "plan", kind)
            }
            guard case .program(let program) = plan.modelStructure,
                let operations = program.functions["main"]?.block.operations
            else {
                throw SqueezeSAMError.artifact(
                    "the \(kind.rawValue) is no ML Program; export again")
            }
            var placement = Placement()
            for operation in operations {
                // Constants and the like run nowhere, and have no usage.
                guard let usage = plan.deviceUsage(for: operation) else { continue }
                let device = name(of: usage.preferred)
                placement.operations[device, default: 0] += 1
                placement.costs[device, default: 0] +=
                    plan.estimatedCost(of: operation)?.weight ?? 0
            }
            return placement
        }
    }

    /// Where Core ML means to run a network, by the name of the processor.
    public struct Placement: Sendable, Equatable {
        /// The number of operators.
        public var operations: [String: Int] = [:]
        /// Their share of the whole cost as Core ML estimates it, 0 to 1.
        public var costs: [String: Double] = [:]
    }

    @available(iOS 17.4, macOS 14.4, *)
    private func name(of device: MLComputeDevice) -> String {
        switch device {
        case .cpu: return "CPU"
        case .gpu: return "GPU"
        case .neuralEngine: return "Neural Engine"
        @unknown default: return "other"
        }
    }

    private func refused(_ error: any Error, _ verb: String, _ kind: NetworkKind) -> SqueezeSAMError
    {
        let reason = error.localizedDescription.split(separator: "\n").first ?? ""
        return .artifact(
            "Core ML cannot \(verb) the \(kind.rawValue) (\(reason.prefix(300))); "
                + "choose another precision or other compute units")
    }

    /// Pixels that the processors share, of the format that Core ML asks of an RGB picture.
    private func pixelBuffer(_ size: Int) throws -> CVPixelBuffer {
        let shared = [kCVPixelBufferIOSurfacePropertiesKey as String: [String: Any]()]
        var created: CVPixelBuffer?
        CVPixelBufferCreate(
            nil, size, size, kCVPixelFormatType_32BGRA, shared as CFDictionary, &created)
        guard let created else {
            throw SqueezeSAMError.image("there is no memory for \(size)x\(size) pixels; close apps")
        }
        return created
    }

    private func fill(_ pixels: CVPixelBuffer, with image: InputImage) throws {
        CVPixelBufferLockBaseAddress(pixels, [])
        defer { CVPixelBufferUnlockBaseAddress(pixels, []) }
        let bytesPerRow = CVPixelBufferGetBytesPerRow(pixels)
        guard let base = CVPixelBufferGetBaseAddress(pixels) else {
            throw SqueezeSAMError.image("the pixels cannot be written; try again")
        }
        let rows = UnsafeMutableRawBufferPointer(start: base, count: bytesPerRow * image.size)
        image.writeBGRA(to: rows, bytesPerRow: bytesPerRow)
    }
#endif
