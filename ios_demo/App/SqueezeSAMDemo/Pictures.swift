import CoreGraphics
import Foundation
import SqueezeSAMKit
import UIKit

/// A photo as the networks and the screen take it.
struct ShownPhoto: Sendable {
    let pixels: Photo
    let image: UIImage

    /// Reads a photo, upright, of any format that the system knows.
    ///
    /// - Throws: `SqueezeSAMError.image` where it is none.
    init(data: Data) throws {
        pixels = try Photo(file: data)
        image = UIImage(cgImage: try pixels.image())
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
        let alpha = answer.photoAlphas()[0]
        image = UIImage(cgImage: try photo.pixels.cutOut(alpha))
        guard let png = image.pngData() else {
            throw SqueezeSAMError.image("the cut-out cannot be written; try a smaller photo")
        }
        self.png = png
        let inside = alpha.map { $0 >= 128 }
        share = Double(inside.filter { $0 }.count) / Double(inside.count)
        outline = Self.outline(
            of: inside, width: photo.pixels.width, height: photo.pixels.height)
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
