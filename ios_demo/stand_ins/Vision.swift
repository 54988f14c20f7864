// A stand-in for Apple's Vision, by which sources are type-checked where there is none. It proves
// agreement with these declarations only. They cite Apple's documentation.

import CoreGraphics

/// https://developer.apple.com/documentation/vision/normalizedpoint
public struct NormalizedPoint: Sendable {
    public init(x: CGFloat, y: CGFloat) {}
}

/// https://developer.apple.com/documentation/vision/normalizedrect
public struct NormalizedRect: Sendable {
    public init(x: CGFloat, y: CGFloat, width: CGFloat, height: CGFloat) {}
}

/// https://developer.apple.com/documentation/vision/pixelbufferobservation
public struct PixelBufferObservation: Sendable {
    public var cgImage: CGImage { get throws { fatalError() } }
}

/// https://developer.apple.com/documentation/imageio/cgimagepropertyorientation
public enum CGImagePropertyOrientation: UInt32, Sendable { case up = 1 }

/// https://developer.apple.com/documentation/vision/downloadableassetsrequeststatus
public enum DownloadableAssetsRequestStatus {
    case error(any Error)
    case notReady
    case ready
    case downloading
}

/// https://developer.apple.com/documentation/vision/generateiterativesegmentationrequest, which iOS
/// has from version 27 on.
public final class GenerateIterativeSegmentationRequest {
    public enum Revision: Sendable { case revision1 }
    public init(seedPoint: NormalizedPoint, _ revision: Revision? = nil) {}
    public init(seedBox: NormalizedRect, _ revision: Revision? = nil) {}
    public func addIncludedPoint(_ point: NormalizedPoint) throws {}
    public func addExcludedPoint(_ point: NormalizedPoint) throws {}
    public var assetStatus: DownloadableAssetsRequestStatus { get async { fatalError() } }
    public func downloadAssets() async throws {}
    /// https://developer.apple.com/documentation/vision/imageprocessingrequest/perform(on:orientation:)
    public func perform(
        on image: CGImage, orientation: CGImagePropertyOrientation? = nil
    ) async throws -> PixelBufferObservation? { fatalError() }
}
