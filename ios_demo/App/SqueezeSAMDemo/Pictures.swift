import CoreGraphics
import Foundation
import ImageIO
import SqueezeSAMKit
import UIKit

/// A photo as the networks and the screen take it.
struct ShownPhoto: Sendable {
    let pixels: Photo
    let image: UIImage

    /// The longest side to which photos are shrunk while they are read; masks have this size too.
    static let longestSide = 4096

    /// Reads a photo, upright, of any format that the system knows.
    ///
    /// - Throws: `SqueezeSAMError.image` where it is none.
    init(data: Data) throws {
        let options: [CFString: Any] = [
            kCGImageSourceCreateThumbnailFromImageAlways: true,
            kCGImageSourceCreateThumbnailWithTransform: true,
            kCGImageSourceThumbnailMaxPixelSize: Self.longestSide,
        ]
        guard let source = CGImageSourceCreateWithData(data as CFData, nil),
            let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
        else {
            throw SqueezeSAMError.image("this photo cannot be read; choose another one")
        }
        try self.init(image: image)
    }

    init(image: CGImage) throws {
        let (width, height) = (image.width, image.height)
        var bytes = [UInt8](repeating: 0, count: 4 * width * height)
        let isDrawn = bytes.withUnsafeMutableBytes { buffer -> Bool in
            guard let space = CGColorSpace(name: CGColorSpace.sRGB),
                let context = CGContext(
                    data: buffer.baseAddress, width: width, height: height, bitsPerComponent: 8,
                    bytesPerRow: 4 * width, space: space,
                    bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else { return false }
            let whole = CGRect(x: 0, y: 0, width: width, height: height)
            context.setFillColor(gray: 1, alpha: 1)  // what is transparent lies over white
            context.fill(whole)
            context.draw(image, in: whole)
            return true
        }
        guard isDrawn else {
            throw SqueezeSAMError.image("there is no memory for this photo; close apps")
        }
        for pixel in 0..<(width * height) { bytes[4 * pixel + 3] = 255 }
        pixels = try Photo(bytes: bytes, width: width, height: height)
        self.image = UIImage(cgImage: image)
    }
}

/// The object of a photo, cut out.
struct Cutout: Sendable {
    /// With soft edges.
    let image: UIImage
    let png: Data
    /// Closed lines around it, in photo pixels.
    let outline: [[CGPoint]]
    /// The share of the photo that it covers, 0 to 1.
    let share: Double

    private static let outlineSide = 640

    init(_ answer: MaskAnswer, of photo: ShownPhoto) throws {
        let (width, height) = (photo.pixels.width, photo.pixels.height)
        let alpha = answer.photoAlphas()[0]
        var bytes = [UInt8](repeating: 0, count: 4 * alpha.count)
        for (pixel, opacity) in alpha.enumerated() where opacity > 0 {
            for channel in 0..<3 {
                bytes[4 * pixel + channel] = photo.pixels.rgb[3 * pixel + channel]
            }
            bytes[4 * pixel + 3] = opacity
        }
        guard let provider = CGDataProvider(data: Data(bytes) as CFData),
            let space = CGColorSpace(name: CGColorSpace.sRGB),
            let picture = CGImage(
                width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 32,
                bytesPerRow: 4 * width, space: space,
                bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.last.rawValue),
                provider: provider, decode: nil, shouldInterpolate: true, intent: .defaultIntent)
        else { throw SqueezeSAMError.image("there is no memory for the cut-out; close apps") }
        image = UIImage(cgImage: picture)
        guard let png = image.pngData() else {
            throw SqueezeSAMError.image("the cut-out cannot be written; try a smaller photo")
        }
        self.png = png
        let inside = alpha.map { $0 >= 128 }
        share = Double(inside.filter { $0 }.count) / Double(inside.count)
        outline = Self.outline(of: inside, width: width, height: height)
    }

    private static func outline(of mask: [Bool], width: Int, height: Int) -> [[CGPoint]] {
        let step = max(1, max(width, height) / outlineSide)
        let (columns, rows) = ((width + step - 1) / step, (height + step - 1) / step)
        var coarse: [Bool] = []
        for y in 0..<rows {
            for x in 0..<columns { coarse.append(mask[y * step * width + x * step]) }
        }
        return MaskOutline.lines(of: coarse, width: columns).map { line in
            line.map { corner in
                CGPoint(x: min(corner.x * step, width), y: min(corner.y * step, height))
            }
        }
    }
}
