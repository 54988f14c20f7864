/// A square picture as a network takes it: RGB bytes, row by row.
public struct InputImage: Equatable, Sendable {
    public let rgb: [UInt8]
    public let size: Int

    public init(rgb: [UInt8], size: Int) {
        self.rgb = rgb
        self.size = size
    }

    /// Writes the picture as pixels of kCVPixelFormatType_32BGRA, opaque.
    ///
    /// - Parameters:
    ///   - pixels: at least `size` rows of so many bytes.
    ///   - bytesPerRow: at least `4 * size`.
    package func writeBGRA(to pixels: UnsafeMutableRawBufferPointer, bytesPerRow: Int) {
        for y in 0..<size {
            for x in 0..<size {
                let (from, to) = (3 * (y * size + x), y * bytesPerRow + 4 * x)
                pixels[to] = rgb[from + 2]
                pixels[to + 1] = rgb[from + 1]
                pixels[to + 2] = rgb[from]
                pixels[to + 3] = 255
            }
        }
    }

    /// The scaled input `image` for runtimes that take numbers: [1, 3, size, size].
    public var values: [Float] {
        let plane = size * size
        return [Float](unsafeUninitializedCapacity: 3 * plane) { values, count in
            for pixel in 0..<plane {
                for channel in 0..<3 {
                    let level = Float(rgb[3 * pixel + channel])
                    values[channel * plane + pixel] = (level - Spec.pixelMean) * Spec.pixelScale
                }
            }
            count = 3 * plane
        }
    }
}

/// A photo fitted into the top left of the square input; see `squeezesam/inference/letterbox.py`.
public struct Letterbox: Equatable, Sendable {
    /// Width of the photo, or of the part of it that is shown.
    public let width: Int
    /// Height of the photo, or of the part of it that is shown.
    public let height: Int
    /// Side of the input in pixels.
    public let size: Int
    /// Columns and rows of a mask that lie on the photo.
    public let maskSize: Pixel

    /// Fits a photo so that its long side fills the input. All sides are positive, that of the input
    /// is even.
    public init(width: Int, height: Int, size: Int) {
        self.width = width
        self.height = height
        self.size = size
        let whole = Spec.mapStride * max(width, height)
        func cells(_ side: Int) -> Int { max(1, roundedToEven(side * size, over: whole)) }
        maskSize = Pixel(cells(width), cells(height))
    }

    /// Fits a photo of which a file tells the sides.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where no photo or no input has such sides.
    init(told width: Int, _ height: Int, size: Int) throws {
        let sides = 1...Spec.maxPhotoSide
        guard sides.contains(width), sides.contains(height),
            (1...Spec.maxInputSize).contains(size), size % Spec.mapStride == 0
        else {
            throw SqueezeSAMError.artifact(
                "a golden file tells of a photo of \(width)x\(height) in an input of \(size) "
                    + "pixels; export again")
        }
        self.init(width: width, height: height, size: size)
    }

    /// Width and height that the photo takes up in the input.
    public var inside: Pixel {
        Pixel(maskSize.x * Spec.mapStride, maskSize.y * Spec.mapStride)
    }

    /// Side of a mask of the square.
    public var maskSide: Int { size / Spec.mapStride }

    /// Columns and rows of the heat map that have their centre on the photo, at least one.
    public var heatSize: Pixel {
        func cells(_ side: Int) -> Int {
            max(1, (side + Spec.saliencyStride / 2 - 1) / Spec.saliencyStride)
        }
        return Pixel(cells(inside.x), cells(inside.y))
    }

    /// The mask pixel under the centre of a photo pixel.
    public func maskPixel(_ place: Point) -> Pixel {
        func cell(_ at: Float, _ cells: Int, _ side: Int) -> Int {
            let place = (2 * Double(at) + 1) * Double(cells) / Double(2 * side)
            return min(Int(place.rounded(.down)), cells - 1)
        }
        return Pixel(cell(place.x, maskSize.x, width), cell(place.y, maskSize.y, height))
    }

    /// The mask pixels whose centres lie in a box on the photo: columns and rows.
    public func maskWindow(_ box: Box) -> (columns: Range<Int>, rows: Range<Int>) {
        func edge(_ at: Float, _ cells: Int, _ side: Int) -> Int {
            let place = (2 * Double(at) * Double(cells) - Double(side)) / Double(2 * side)
            return max(0, Int(place.rounded(.up)))
        }
        func range(_ low: Float, _ high: Float, _ cells: Int, _ side: Int) -> Range<Int> {
            let start = edge(low, cells, side)
            return start..<max(start, edge(high, cells, side))
        }
        return (
            range(box.x0, box.x1, maskSize.x, width), range(box.y0, box.y1, maskSize.y, height)
        )
    }

    /// The photo pixel under the centre of a pixel of the heat map.
    public func photoPixel(_ place: Pixel) -> Pixel {
        func pixel(_ at: Int, _ side: Int, _ inside: Int) -> Int {
            min((2 * at + 1) * Spec.saliencyStride / 2 * side / inside, side - 1)
        }
        return Pixel(pixel(place.x, width, inside.x), pixel(place.y, height, inside.y))
    }

    /// The picture that shows a part of a photo, which has this letterbox's width and height.
    public func apply(_ photo: Photo, part: PhotoCrop) -> InputImage {
        let bytes = resizedBytes(photo, part: part, width: inside.x, height: inside.y)
        if inside.x == size && inside.y == size { return InputImage(rgb: bytes, size: size) }
        var square = [UInt8](repeating: Spec.padByte, count: 3 * size * size)
        for y in 0..<inside.y {
            let row = bytes[(y * inside.x * 3)..<((y + 1) * inside.x * 3)]
            square.replaceSubrange((y * size * 3)..<(y * size * 3 + inside.x * 3), with: row)
        }
        return InputImage(rgb: square, size: size)
    }

    /// The picture that shows a whole photo of this letterbox's width and height.
    public func apply(_ photo: Photo) -> InputImage {
        apply(photo, part: .whole(width: width, height: height))
    }

    /// The part of a mask of the square [size/2, size/2] that lies on the photo.
    public func cropped(_ mask: [Float]) -> [Float] {
        var part: [Float] = []
        part.reserveCapacity(maskSize.x * maskSize.y)
        for y in 0..<maskSize.y { part += mask[(y * maskSide)..<(y * maskSide + maskSize.x)] }
        return part
    }
}

/// The whole number nearest to a fraction of two positive numbers; a half goes to the even one.
private func roundedToEven(_ number: Int, over divisor: Int) -> Int {
    let (down, rest) = number.quotientAndRemainder(dividingBy: divisor)
    return 2 * rest > divisor || (2 * rest == divisor && down % 2 == 1) ? down + 1 : down
}
