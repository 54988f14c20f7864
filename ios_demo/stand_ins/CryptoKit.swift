// A stand-in for Apple's CryptoKit, by which sources are type-checked where there is none. It proves
// agreement with these declarations only. They cite Apple's documentation, and hold nothing else.

import Foundation

/// https://developer.apple.com/documentation/cryptokit/sha256
public struct SHA256: Sendable {
    public init() {}

    /// https://developer.apple.com/documentation/cryptokit/hashfunction/update(data:)
    public mutating func update(data: some DataProtocol) {}

    /// https://developer.apple.com/documentation/cryptokit/hashfunction/finalize()
    public func finalize() -> SHA256Digest { fatalError() }
}

/// https://developer.apple.com/documentation/cryptokit/sha256digest
public struct SHA256Digest: Sequence, Sendable {
    public func makeIterator() -> Array<UInt8>.Iterator { fatalError() }
}
