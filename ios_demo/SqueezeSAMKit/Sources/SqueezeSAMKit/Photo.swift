/// The pixels of a photo, upright: RGB bytes, row by row.
public struct Photo: Equatable, Sendable {
    public let rgb: [UInt8]
    public let width: Int
    public let height: Int

    /// - Parameters:
    ///   - bytes: RGB or RGBA bytes, row by row; what is transparent lies over white. Alpha is
    ///     straight, not premultiplied.
    ///   - width: in pixels.
    ///   - height: in pixels.
    /// - Throws: `SqueezeSAMError.image` where these are no pixels of a photo.
    public init(bytes: [UInt8], width: Int, height: Int) throws {
        try Self.checkSides(width, height)
        let pixels = width * height
        guard bytes.count == 3 * pixels || bytes.count == 4 * pixels else {
            throw SqueezeSAMError.image(
                "\(bytes.count) bytes are no \(width)x\(height) photo; give RGB or RGBA bytes")
        }
        self.width = width
        self.height = height
        rgb = bytes.count == 3 * pixels ? bytes : overWhite(bytes, pixels: pixels)
    }

    /// - Throws: `SqueezeSAMError.image` where no photo of this size can be used.
    static func checkSides(_ width: Int, _ height: Int) throws {
        let sides = 1...Spec.maxPhotoSide
        guard sides.contains(width), sides.contains(height),
            width * height <= Spec.maxPhotoPixels
        else {
            throw SqueezeSAMError.image(
                "a photo of \(width)x\(height) pixels cannot be used; give another one")
        }
    }

    /// RGBA bytes of a soft cut-out, row by row; alpha is straight, and what is wholly transparent
    /// holds nothing of the photo.
    ///
    /// - Parameter alpha: [height * width] opacities, one of `MaskAnswer.photoAlphas`.
    /// - Throws: `SqueezeSAMError.image` where it is of another size than the photo.
    public func rgba(_ alpha: [UInt8]) throws -> [UInt8] {
        guard alpha.count == width * height else {
            throw SqueezeSAMError.image(
                "\(alpha.count) opacities are not those of a \(width)x\(height) photo; give one of "
                    + "photoAlphas of an answer about it")
        }
        return [UInt8](unsafeUninitializedCapacity: 4 * alpha.count) { bytes, count in
            for (pixel, opacity) in alpha.enumerated() {
                for channel in 0..<3 {
                    bytes[4 * pixel + channel] = opacity > 0 ? rgb[3 * pixel + channel] : 0
                }
                bytes[4 * pixel + 3] = opacity
            }
            count = 4 * alpha.count
        }
    }
}

private func overWhite(_ rgba: [UInt8], pixels: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 3 * pixels) { rgb, count in
        rgba.withUnsafeBufferPointer { rgba in
            for pixel in 0..<pixels {
                let alpha = Int(rgba[4 * pixel + 3])
                for channel in 0..<3 {
                    let level = Int(rgba[4 * pixel + channel])
                    let shown = 255 * 255 - (255 - level) * alpha
                    rgb[3 * pixel + channel] = UInt8((shown + 127) / 255)
                }
            }
        }
        count = 3 * pixels
    }
}

/// A part of a photo in photo pixels; `docs/looks.md` calls it a view.
public struct PhotoCrop: Equatable, Codable, Sendable {
    public var left: Int
    public var top: Int
    public var width: Int
    public var height: Int

    public init(left: Int, top: Int, width: Int, height: Int) {
        self.left = left
        self.top = top
        self.width = width
        self.height = height
    }

    /// All of a photo.
    public static func whole(width: Int, height: Int) -> PhotoCrop {
        PhotoCrop(left: 0, top: 0, width: width, height: height)
    }

    /// Whether it is all of a photo.
    public func isWhole(_ photo: Letterbox) -> Bool {
        width == photo.width && height == photo.height
    }
}
