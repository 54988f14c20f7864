import Foundation

/// What each result along one axis is made from: weights of neighbouring values.
///
/// A side that shrinks is antialiased: the triangle filter is as wide as the step between two
/// results. The centres of pixels lie half a pixel inside, as PyTorch has it.
struct Taps {
    private(set) var first: [Int] = []
    private(set) var weights: [[Double]] = []

    init(from old: Int, to new: Int) {
        let scale = Double(old) / Double(new)
        let support = max(scale, 1)
        for index in 0..<new {
            let centre = scale * (Double(index) + 0.5)
            let start = max(Int(centre - support + 0.5), 0)
            let stop = max(min(Int(centre + support + 0.5), old), start)
            let found = (start..<stop).map { place in
                max(1 - abs((Double(place) - centre + 0.5) / support), 0)
            }
            let total = found.reduce(0, +)
            first.append(start)
            weights.append(found.map { $0 / total })
        }
    }

    /// The weights as whole numbers of at most 15 bits, and how many of these lie behind the point.
    func whole() -> (weights: [[Int32]], bits: Int32) {
        let largest = weights.joined().max() ?? 1
        var bits: Int32 = 0
        while bits < 22, Int(0.5 + largest * exp2(Double(bits + 1))) < 1 << 15 { bits += 1 }
        let scale = exp2(Double(bits))
        return (weights.map { $0.map { Int32(0.5 + $0 * scale) } }, bits)
    }
}

/// Resizes a part of RGB pixels with antialiasing, along the rows and then down the columns, with a
/// byte in between. The bytes are those of PyTorch.
///
/// - Parameters:
///   - photo: the whole photo.
///   - part: the part of it.
///   - width: of the result.
///   - height: of the result.
/// - Returns: RGB bytes, row by row.
func resizedBytes(_ photo: Photo, part: PhotoCrop, width: Int, height: Int) -> [UInt8] {
    var rows = [UInt8](repeating: 0, count: part.height * width * 3)
    photo.rgb.withUnsafeBufferPointer { pixels in
        rows.withUnsafeMutableBufferPointer { rows in
            shrinkAcross(pixels, stride: photo.width, part: part, width: width, into: rows)
        }
    }
    if height == part.height { return rows }
    let taps = Taps(from: part.height, to: height)
    let (weights, bits) = taps.whole()
    let half: Int32 = 1 << (bits - 1)
    var result = [UInt8](repeating: 0, count: height * width * 3)
    var sums = [Int32](repeating: 0, count: width * 3)
    for y in 0..<height {
        for i in sums.indices { sums[i] = half }
        for (j, weight) in weights[y].enumerated() {
            let from = (taps.first[y] + j) * width * 3
            for i in sums.indices { sums[i] += weight * Int32(rows[from + i]) }
        }
        for i in sums.indices { result[y * width * 3 + i] = UInt8(min(sums[i] >> bits, 255)) }
    }
    return result
}

private func shrinkAcross(
    _ pixels: UnsafeBufferPointer<UInt8>, stride: Int, part: PhotoCrop, width: Int,
    into rows: UnsafeMutableBufferPointer<UInt8>
) {
    let starts = (0..<part.height).map { ((part.top + $0) * stride + part.left) * 3 }
    if width == part.width {
        for (y, start) in starts.enumerated() {
            for i in 0..<(width * 3) { rows[y * width * 3 + i] = pixels[start + i] }
        }
        return
    }
    let taps = Taps(from: part.width, to: width)
    let (weights, bits) = taps.whole()
    let half: Int32 = 1 << (bits - 1)
    for (y, start) in starts.enumerated() {
        for x in 0..<width {
            var (red, green, blue) = (half, half, half)
            var at = start + taps.first[x] * 3
            for weight in weights[x] {
                red += weight * Int32(pixels[at])
                green += weight * Int32(pixels[at + 1])
                blue += weight * Int32(pixels[at + 2])
                at += 3
            }
            let to = (y * width + x) * 3
            rows[to] = UInt8(min(red >> bits, 255))
            rows[to + 1] = UInt8(min(green >> bits, 255))
            rows[to + 2] = UInt8(min(blue >> bits, 255))
        }
    }
}

/// Values resized to another size, row by row. Both sides shrink with antialiasing.
func resizedValues(
    _ values: [Float], width: Int, height: Int, toWidth: Int, toHeight: Int
) -> [Float] {
    let (across, down) = (Taps(from: width, to: toWidth), Taps(from: height, to: toHeight))
    var rows = [Float](repeating: 0, count: height * toWidth)
    for y in 0..<height {
        for x in 0..<toWidth {
            var sum = 0.0
            for (j, weight) in across.weights[x].enumerated() {
                sum += weight * Double(values[y * width + across.first[x] + j])
            }
            rows[y * toWidth + x] = Float(sum)
        }
    }
    var result = [Float](repeating: 0, count: toHeight * toWidth)
    for y in 0..<toHeight {
        for (j, weight) in down.weights[y].enumerated() {
            let (from, to, share) = ((down.first[y] + j) * toWidth, y * toWidth, Float(weight))
            for x in 0..<toWidth { result[to + x] += share * rows[from + x] }
        }
    }
    return result
}
