/// The connected pieces of a mask or heat map.
package struct Pieces {
    /// Of each pixel the number of its piece, in reading order of first pixels; 0 for none.
    package private(set) var numbers: [Int]
    /// The number of pixels of each number, of which the first is none.
    package private(set) var areas = [0]

    /// - Parameters:
    ///   - inside: whether each pixel counts, row by row.
    ///   - width: pixels in a row.
    ///   - corners: whether pixels that touch at a corner belong together.
    package init(_ inside: [Bool], width: Int, corners: Bool) {
        numbers = Array(repeating: 0, count: inside.count)
        let height = width > 0 ? inside.count / width : 0
        let edges = [(0, -1), (-1, 0), (1, 0), (0, 1)]
        let steps = corners ? edges + [(-1, -1), (1, -1), (-1, 1), (1, 1)] : edges
        var queue: [Int] = []
        for first in inside.indices where inside[first] && numbers[first] == 0 {
            let number = areas.count
            queue.removeAll(keepingCapacity: true)
            queue.append(first)
            numbers[first] = number
            var next = 0
            while next < queue.count {
                let (y, x) = queue[next].quotientAndRemainder(dividingBy: width)
                next += 1
                for (dx, dy) in steps {
                    let (column, row) = (x + dx, y + dy)
                    guard column >= 0, column < width, row >= 0, row < height else { continue }
                    let neighbour = row * width + column
                    guard inside[neighbour], numbers[neighbour] == 0 else { continue }
                    numbers[neighbour] = number
                    queue.append(neighbour)
                }
            }
            areas.append(queue.count)
        }
    }
}
