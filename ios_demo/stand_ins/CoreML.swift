// A stand-in for Apple's Core ML, by which sources are type-checked where there is none. It proves
// agreement with these declarations only. They cite Apple's documentation.

import CoreVideo
@_exported import Foundation

/// https://developer.apple.com/documentation/coreml/mlcomputeunits
public enum MLComputeUnits: Int, Sendable {
    case cpuOnly
    case cpuAndGPU
    case all
    case cpuAndNeuralEngine
}

/// https://developer.apple.com/documentation/coreml/mlmodelconfiguration
public class MLModelConfiguration {
    public init() {}
    public var computeUnits: MLComputeUnits = .all
}

/// https://developer.apple.com/documentation/coreml/mlmodel, which is not Sendable: "Use an MLModel
/// instance on one thread or one dispatch queue at a time."
public class MLModel {
    public convenience init(contentsOf url: URL, configuration: MLModelConfiguration) throws {
        fatalError()
    }
    private init() {}
    /// https://developer.apple.com/documentation/coreml/mlmodel/compilemodel(at:)-45ao6
    public class func compileModel(at modelURL: URL) async throws -> URL { fatalError() }
    /// https://developer.apple.com/documentation/coreml/mlmodel/prediction(from:)-9y2aa
    public func prediction(from input: any MLFeatureProvider) throws -> any MLFeatureProvider {
        fatalError()
    }
    public var modelDescription: MLModelDescription { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlmodeldescription
public class MLModelDescription {
    public var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlfeaturedescription
public class MLFeatureDescription {
    public var name: String { fatalError() }
    public var type: MLFeatureType { fatalError() }
    public var multiArrayConstraint: MLMultiArrayConstraint? { fatalError() }
    public var imageConstraint: MLImageConstraint? { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlfeaturetype
public enum MLFeatureType: Int, Sendable {
    case invalid
    case int64
    case double
    case string
    case image
    case multiArray
    case dictionary
    case sequence
    case state
}

/// https://developer.apple.com/documentation/coreml/mlmultiarrayconstraint
public class MLMultiArrayConstraint {
    public var shape: [NSNumber] { fatalError() }
    public var dataType: MLMultiArrayDataType { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlimageconstraint
public class MLImageConstraint {
    public var pixelsWide: Int { fatalError() }
    public var pixelsHigh: Int { fatalError() }
    public var pixelFormatType: OSType { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlmultiarraydatatype
public enum MLMultiArrayDataType: Int, Sendable {
    case double
    case float32
    case float16
    case int32
}

/// https://developer.apple.com/documentation/coreml/mlmultiarray
public class MLMultiArray {
    /// https://developer.apple.com/documentation/coreml/mlmultiarray/init(_:)-wk41
    public init<Scalar: MLShapedArrayScalar>(_ shapedArray: MLShapedArray<Scalar>) {}
    public var dataType: MLMultiArrayDataType { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlshapedarrayscalar
public protocol MLShapedArrayScalar {}
extension Float: MLShapedArrayScalar {}
extension Double: MLShapedArrayScalar {}
extension Int32: MLShapedArrayScalar {}
@available(macOS, unavailable)
extension Float16: MLShapedArrayScalar {}

/// https://developer.apple.com/documentation/coreml/mlshapedarray
public struct MLShapedArray<Scalar: MLShapedArrayScalar> {
    public init<S: Sequence>(scalars: S, shape: [Int]) where S.Element == Scalar { fatalError() }
    public init(_ multiArray: MLMultiArray) { fatalError() }
    public var scalars: [Scalar] { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlfeaturevalue
public class MLFeatureValue {
    public convenience init(multiArray value: MLMultiArray) { fatalError() }
    public convenience init(pixelBuffer value: CVPixelBuffer) { fatalError() }
    private init() {}
    public var multiArrayValue: MLMultiArray? { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlfeatureprovider
public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

/// https://developer.apple.com/documentation/coreml/mldictionaryfeatureprovider
public class MLDictionaryFeatureProvider: MLFeatureProvider {
    public init(dictionary: [String: Any]) throws {}
    public var featureNames: Set<String> { fatalError() }
    public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}

/// https://developer.apple.com/documentation/coreml/mlcomputeplan-1w21n
public class MLComputePlan {
    public class func load(
        contentsOf url: URL, configuration: MLModelConfiguration
    ) async throws -> sending MLComputePlan { fatalError() }
    public let modelStructure: MLModelStructure
    private init() { fatalError() }
    /// https://developer.apple.com/documentation/coreml/mlcomputeplan-1w21n/deviceusage(for:)-7cdlm
    public func deviceUsage(for operation: MLModelStructure.Program.Operation) -> DeviceUsage? {
        fatalError()
    }
    public func estimatedCost(of operation: MLModelStructure.Program.Operation) -> Cost? {
        fatalError()
    }
    public struct DeviceUsage: Sendable {
        public let supported: [MLComputeDevice]
        public let preferred: MLComputeDevice
    }
    public struct Cost: Sendable {
        public let weight: Double
    }
}

/// https://developer.apple.com/documentation/coreml/mlmodelstructure-swift.enum
public enum MLModelStructure: Sendable {
    case neuralNetwork
    case program(Program)
    case pipeline
    case unsupported

    public struct Program: Sendable {
        public let functions: [String: Function]
        public struct Function: Sendable { public let block: Block }
        public struct Block: Sendable { public let operations: [Operation] }
        public struct Operation: Sendable { public let operatorName: String }
    }
}

/// https://developer.apple.com/documentation/coreml/mlcomputedevice
public enum MLComputeDevice: Sendable {
    case cpu(MLCPUComputeDevice)
    case gpu(MLGPUComputeDevice)
    case neuralEngine(MLNeuralEngineComputeDevice)
}
public struct MLCPUComputeDevice: Sendable {}
public struct MLGPUComputeDevice: Sendable {}
public struct MLNeuralEngineComputeDevice: Sendable {}

/// https://developer.apple.com/documentation/objectivec/autoreleasepool(invoking:), which
/// comes with Foundation
public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result {
    try body()
}
