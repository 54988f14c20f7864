// A stand-in for Apple's Uniform Type Identifiers; see CoreGraphics.swift.

/// https://developer.apple.com/documentation/uniformtypeidentifiers/uttype-swift.struct
public struct UTType: Sendable {
    public static var png: UTType { fatalError() }
    public var identifier: String { fatalError() }
}
