#if canImport(CoreGraphics) && canImport(ImageIO)
    import CoreGraphics
    import Foundation
    import ImageIO

    /// Photos as Apple's systems have them.
    extension Photo {
        /// The pixels of a photo file of any format that the system reads, turned upright.
        ///
        /// - Parameters:
        ///   - file: its content.
        ///   - longestSide: to which a larger photo is shrunk; masks and cut-outs have this size too.
        /// - Throws: `SqueezeSAMError.image` where it is no photo.
        public init(file: Data, longestSide: Int = 4096) throws {
            let options: [CFString: Any] = [
                kCGImageSourceCreateThumbnailFromImageAlways: true,
                kCGImageSourceCreateThumbnailWithTransform: true,
                kCGImageSourceThumbnailMaxPixelSize: longestSide,
            ]
            guard let source = CGImageSourceCreateWithData(file as CFData, nil),
                let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
            else {
                throw SqueezeSAMError.image("this photo cannot be read; choose another one")
            }
            try self.init(image)
        }

        /// The pixels of an upright picture, in sRGB; what is transparent lies over white.
        ///
        /// The `cgImage` of a `UIImage` is upright only where its `imageOrientation` is `.up`.
        ///
        /// - Throws: `SqueezeSAMError.image` where it is too large.
        public init(_ image: CGImage) throws {
            let (width, height) = (image.width, image.height)
            try Photo.checkSides(width, height)
            var bytes = [UInt8](repeating: 0, count: 4 * width * height)
            let isDrawn = bytes.withUnsafeMutableBytes { buffer -> Bool in
                guard let space = CGColorSpace(name: CGColorSpace.sRGB),
                    let context = CGContext(
                        data: buffer.baseAddress, width: width, height: height,
                        bitsPerComponent: 8, bytesPerRow: 4 * width, space: space,
                        bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
                else { return false }
                let whole = CGRect(x: 0, y: 0, width: width, height: height)
                context.setFillColor(gray: 1, alpha: 1)
                context.fill(whole)
                context.draw(image, in: whole)
                return true
            }
            guard isDrawn else {
                throw SqueezeSAMError.image("there is no memory for this photo; close apps")
            }
            for pixel in 0..<(width * height) { bytes[4 * pixel + 3] = 255 }
            try self.init(bytes: bytes, width: width, height: height)
        }

        /// The photo as a picture in sRGB.
        ///
        /// - Throws: `SqueezeSAMError.image` where there is no memory for it.
        public func image() throws -> CGImage {
            try cutOut([UInt8](repeating: 255, count: width * height))
        }

        /// A soft cut-out: the photo's pixels with the opacities of `MaskAnswer.photoAlphas`.
        ///
        /// - Parameter alpha: [height * width].
        /// - Throws: `SqueezeSAMError.image` where it is of another size, or there is no memory.
        public func cutOut(_ alpha: [UInt8]) throws -> CGImage {
            guard let provider = CGDataProvider(data: Data(try rgba(alpha)) as CFData),
                let space = CGColorSpace(name: CGColorSpace.sRGB),
                let picture = CGImage(
                    width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 32,
                    bytesPerRow: 4 * width, space: space,
                    bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.last.rawValue),
                    provider: provider, decode: nil, shouldInterpolate: true,
                    intent: .defaultIntent)
            else { throw SqueezeSAMError.image("there is no memory for the cut-out; close apps") }
            return picture
        }
    }
#endif
