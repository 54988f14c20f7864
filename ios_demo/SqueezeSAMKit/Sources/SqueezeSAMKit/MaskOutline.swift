/// The outlines of a mask, for drawing.
public enum MaskOutline {
    /// Closed lines along the edges of the pixels of a mask, each without its last point, which is
    /// the first one again. The mask lies to the right of every line.
    ///
    /// - Parameters:
    ///   - mask: row by row.
    ///   - width: pixels in a row.
    public static func lines(of mask: [Bool], width: Int) -> [[Pixel]] {
        let height = width > 0 ? mask.count / width : 0
        func inside(_ x: Int, _ y: Int) -> Bool {
            (0..<width).contains(x) && (0..<height).contains(y) && mask[y * width + x]
        }
        // Where the line goes on from each corner: 0 right, 1 down, 2 left, 3 up.
        var ways: [Pixel: [Int]] = [:]
        for index in mask.indices where mask[index] {
            let (x, y) = (index % width, index / width)
            if !inside(x, y - 1) { ways[Pixel(x, y), default: []].append(0) }
            if !inside(x + 1, y) { ways[Pixel(x + 1, y), default: []].append(1) }
            if !inside(x, y + 1) { ways[Pixel(x + 1, y + 1), default: []].append(2) }
            if !inside(x - 1, y) { ways[Pixel(x, y + 1), default: []].append(3) }
        }
        let steps = [Pixel(1, 0), Pixel(0, 1), Pixel(-1, 0), Pixel(0, -1)]
        var lines: [[Pixel]] = []
        for start in ways.keys.sorted(by: { ($0.y, $0.x) < ($1.y, $1.x) }) {
            while var way = ways[start]?.first {
                var (place, line): (Pixel, [Pixel]) = (start, [])
                var before = -1
                repeat {
                    ways[place]?.removeAll { $0 == way }
                    if way != before { line.append(place) }
                    before = way
                    place = Pixel(place.x + steps[way].x, place.y + steps[way].y)
                    // Where two pixels touch at a corner, the left turn keeps them together.
                    let onward = ways[place] ?? []
                    guard let next = onward.min(by: { turn(way, $0) < turn(way, $1) }) else {
                        break
                    }
                    way = next
                } while place != start
                lines.append(line)
            }
        }
        return lines
    }

    /// 0 for a turn to the left, 1 straight on, 2 to the right.
    private static func turn(_ from: Int, _ to: Int) -> Int { (to - from + 5) % 4 }
}
