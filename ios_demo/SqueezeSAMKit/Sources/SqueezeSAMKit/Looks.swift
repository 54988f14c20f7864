/// Two looks at a photo: a glance at all of it, then a closer look at what the glance found. The
/// rules are written down in `docs/looks.md` and `squeezesam/inference/looks.py`.
package enum Looks {
    /// The view around a mask and what belongs to it.
    ///
    /// - Parameters:
    ///   - mask: the part of it that lies on the photo, row by row.
    ///   - prompts: the box and the positive clicks count.
    ///   - photo: letterbox of the photo.
    ///   - looking: how close.
    package static func surroundings(
        _ mask: [Bool], _ prompts: Prompts, _ photo: Letterbox, _ looking: Looking
    ) -> PhotoCrop {
        var columns = bounds(mask, photo.maskSize, along: \.x, side: photo.width)
        var rows = bounds(mask, photo.maskSize, along: \.y, side: photo.height)
        for (place, label) in zip(prompts.coords, prompts.labels) where label == .positive {
            columns.include(place.x.rounded(.down), place.x.rounded(.down) + 1)
            rows.include(place.y.rounded(.down), place.y.rounded(.down) + 1)
        }
        if let box = prompts.box {
            columns.include(box.x0.rounded(.down), box.x1.rounded(.up))
            rows.include(box.y0.rounded(.down), box.y1.rounded(.up))
        }
        guard let across = columns.found, let down = rows.found else {
            return .whole(width: photo.width, height: photo.height)
        }
        let longest = max(across.count, down.count)
        // So many percent of one pixel are more than any photo has; the product stays a whole number.
        let percent = min(looking.surroundings, 1 << 40)
        let wanted = max((longest * percent + 99) / 100, looking.smallest)
        func placed(_ span: Range<Int>, _ side: Int, _ cells: Int) -> (start: Int, length: Int) {
            let length = min(max(wanted, (side + cells - 1) / cells), side)
            // An arithmetic shift rounds down where the view would begin outside of the photo.
            let start = (span.lowerBound + span.upperBound - length) >> 1
            return (min(max(start, 0), side - length), length)
        }
        let x = placed(across, photo.width, photo.maskSize.x)
        let y = placed(down, photo.height, photo.maskSize.y)
        return PhotoCrop(left: x.start, top: y.start, width: x.length, height: y.length)
    }

    /// Prompts on the photo as prompts on a view; clicks beside it are left out.
    package static func moved(_ prompts: Prompts, to view: PhotoCrop) -> Prompts {
        let (left, top) = (Float(view.left), Float(view.top))
        var coords: [Point] = []
        var labels: [PointLabel] = []
        for (place, label) in zip(prompts.coords, prompts.labels) {
            let (x, y) = (place.x - left, place.y - top)
            guard x >= 0, x < Float(view.width), y >= 0, y < Float(view.height) else { continue }
            coords.append(Point(x, y))
            labels.append(label)
        }
        let box = prompts.box.map { Box($0.x0 - left, $0.y0 - top, $0.x1 - left, $0.y1 - top) }
        return Prompts(coords: coords, labels: labels, box: box)
    }

    /// A mask of the photo as the previous mask of a view.
    ///
    /// - Parameters:
    ///   - logits: of the whole photo in its square, of any size.
    ///   - photo: letterbox of the photo.
    ///   - view: of the photo.
    ///   - letterbox: of the view.
    /// - Returns: of the view's square, with `Spec.outsideLogit` on the padding.
    package static func ontoView(
        _ logits: [Float], photo: Letterbox, view: PhotoCrop, letterbox: Letterbox
    ) -> [Float] {
        func places(_ start: Int, _ length: Int, _ cells: Int, _ count: Int, _ side: Int)
            -> [Double]
        {
            centres(cells, length).map {
                (Double(start) + $0) * Double(count) / Double(side) - 0.5
            }
        }
        let size = letterbox.maskSize
        let x = places(view.left, view.width, size.x, photo.maskSize.x, photo.width)
        let y = places(view.top, view.height, size.y, photo.maskSize.y, photo.height)
        let moved = resampled(photo.cropped(logits), width: photo.maskSize.x, x: x, y: y)
        return inSquare(moved, side: letterbox.maskSide, columns: 0..<x.count, rows: 0..<y.count)
    }

    /// A mask of a view as a mask of the photo, of the same input size.
    ///
    /// - Returns: of the photo's square, with `Spec.outsideLogit` where a mask pixel has its centre
    ///   outside of the view.
    package static func ontoPhoto(
        _ logits: [Float], view: PhotoCrop, letterbox: Letterbox, photo: Letterbox
    ) -> [Float] {
        func places(_ start: Int, _ length: Int, _ cells: Int, _ count: Int, _ side: Int)
            -> (there: Range<Int>, places: [Double])
        {
            let distances = centres(count, side).map { $0 - Double(start) }
            let inside = distances.indices.filter {
                distances[$0] >= 0 && distances[$0] < Double(length)
            }
            guard let first = inside.first, let last = inside.last else { return (0..<0, []) }
            return (
                first..<(last + 1),
                inside.map { distances[$0] * Double(cells) / Double(length) - 0.5 }
            )
        }
        let size = letterbox.maskSize
        let x = places(view.left, view.width, size.x, photo.maskSize.x, photo.width)
        let y = places(view.top, view.height, size.y, photo.maskSize.y, photo.height)
        let part = letterbox.cropped(logits)
        let moved = resampled(part, width: size.x, x: x.places, y: y.places)
        return inSquare(moved, side: photo.maskSide, columns: x.there, rows: y.there)
    }
}

/// The outermost edges along one axis, in photo pixels.
private struct Span {
    var found: Range<Int>?

    mutating func include(_ low: Float, _ high: Float) {
        include(Int(low), Int(high))
    }

    mutating func include(_ low: Int, _ high: Int) {
        let (least, most) = (found?.lowerBound ?? low, found?.upperBound ?? high)
        found = min(least, low)..<max(most, high)
    }
}

/// The edges of the smallest box of mask pixels with all of a mask in it, in photo pixels.
private func bounds(
    _ mask: [Bool], _ size: Pixel, along axis: KeyPath<Pixel, Int>, side: Int
) -> Span {
    var (first, end) = (Int.max, 0)
    for index in mask.indices where mask[index] {
        let place = Pixel(index % size.x, index / size.x)[keyPath: axis]
        first = min(first, place)
        end = max(end, place + 1)
    }
    var span = Span()
    let cells = size[keyPath: axis]
    if end > 0 { span.include(first * side / cells, (end * side + cells - 1) / cells) }
    return span
}

/// Where the centres of cells lie that divide a length evenly.
private func centres(_ cells: Int, _ length: Int) -> [Double] {
    (0..<cells).map { (Double($0) + 0.5) * Double(length) / Double(cells) }
}

private func inSquare(
    _ part: [Float], side: Int, columns: Range<Int>, rows: Range<Int>
) -> [Float] {
    var square = [Float](repeating: Spec.outsideLogit, count: side * side)
    for (from, row) in rows.enumerated() {
        let line = part[(from * columns.count)..<((from + 1) * columns.count)]
        let start = row * side + columns.lowerBound
        square.replaceSubrange(start..<(start + columns.count), with: line)
    }
    return square
}

/// Values at other places, bilinearly, in 32-bit floats; beyond the edges the edge goes on.
private func resampled(_ values: [Float], width: Int, x: [Double], y: [Double]) -> [Float] {
    func between(_ places: [Double], _ last: Int) -> [(low: Int, next: Int, share: Float)] {
        places.map { place in
            let at = min(max(place, 0), Double(last))
            let low = Int(at)
            return (low, min(low + 1, last), Float(at - Double(low)))
        }
    }
    let columns = between(x, width - 1)
    var result: [Float] = []
    result.reserveCapacity(x.count * y.count)
    for row in between(y, values.count / width - 1) {
        let line = (0..<width).map { column in
            let (before, after) = (
                values[row.low * width + column], values[row.next * width + column]
            )
            return before + (after - before) * row.share
        }
        for column in columns {
            result.append(line[column.low] + (line[column.next] - line[column.low]) * column.share)
        }
    }
    return result
}
