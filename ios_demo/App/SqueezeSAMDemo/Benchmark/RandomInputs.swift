import CoreML
import CoreVideo

/// Inputs as a model describes them, with random values: latency does not depend on those.
func randomInputs(for model: MLModel) throws -> MLFeatureProvider {
    let descriptions = model.modelDescription.inputDescriptionsByName
    return try MLDictionaryFeatureProvider(dictionary: descriptions.mapValues(randomValue))
}

private func randomValue(_ description: MLFeatureDescription) throws -> MLFeatureValue {
    if let array = description.multiArrayConstraint {
        return MLFeatureValue(multiArray: try randomArray(array, name: description.name))
    }
    if let image = description.imageConstraint {
        return MLFeatureValue(pixelBuffer: try randomImage(image, name: description.name))
    }
    let kind = "feature \(description.type.rawValue)"
    throw BenchmarkError.unknownInput(name: description.name, kind: kind)
}

private func randomArray(_ constraint: MLMultiArrayConstraint, name: String) throws -> MLMultiArray
{
    let shape = constraint.shape.map(\.intValue)
    switch constraint.dataType {
    case .float32: return filled(shape) { Float.random(in: -1...1) }
    case .float16: return filled(shape) { Float16.random(in: -1...1) }
    case .double: return filled(shape) { Double.random(in: -1...1) }
    case .int32: return filled(shape) { Int32.random(in: 0...1) }
    default:
        throw BenchmarkError.unknownInput(name: name, kind: "type \(constraint.dataType.rawValue)")
    }
}

private func filled<Scalar: MLShapedArrayScalar>(
    _ shape: [Int], with value: () -> Scalar
) -> MLMultiArray {
    let scalars = (0..<shape.reduce(1, *)).map { _ in value() }
    return MLMultiArray(MLShapedArray(scalars: scalars, shape: shape))
}

private func randomImage(_ constraint: MLImageConstraint, name: String) throws -> CVPixelBuffer {
    let format = constraint.pixelFormatType
    let ofBytes = [
        kCVPixelFormatType_32BGRA, kCVPixelFormatType_32ARGB, kCVPixelFormatType_OneComponent8,
    ]
    var created: CVPixelBuffer?
    if ofBytes.contains(format) {
        let surface = [kCVPixelBufferIOSurfacePropertiesKey as String: [String: Any]()]
        let (width, height) = (constraint.pixelsWide, constraint.pixelsHigh)
        CVPixelBufferCreate(nil, width, height, format, surface as CFDictionary, &created)
    }
    guard let image = created else {
        throw BenchmarkError.unknownInput(name: name, kind: "pixel format \(format)")
    }
    CVPixelBufferLockBaseAddress(image, [])
    defer { CVPixelBufferUnlockBaseAddress(image, []) }
    if let bytes = CVPixelBufferGetBaseAddress(image) {
        let count = CVPixelBufferGetBytesPerRow(image) * CVPixelBufferGetHeight(image)
        arc4random_buf(bytes, count)
    }
    return image
}
