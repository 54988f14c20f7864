/// Clean masks: what nobody asked for goes, and so do specks and pinholes. The rules are written
/// down in `docs/masks.md` and `squeezesam/inference/mask_cleanup.py`.
public struct MaskCleanup: Sendable {
    /// What a mask is asked for, in the pixels of the part of it that lies on the photo.
    public struct Asked: Sendable {
        public var positive: [Pixel]
        public var negative: [Pixel]
        public var window: (columns: Range<Int>, rows: Range<Int>)?
        /// The mask so far.
        public var previous: [Bool]?

        package init(
            positive: [Pixel] = [], negative: [Pixel] = [],
            window: (columns: Range<Int>, rows: Range<Int>)? = nil, previous: [Bool]? = nil
        ) {
            self.positive = positive
            self.negative = negative
            self.window = window
            self.previous = previous
        }

        /// - Parameters:
        ///   - prompts: in photo pixels.
        ///   - maskInput: [size/2, size/2] logits of the mask so far.
        ///   - letterbox: of the photo.
        public init(_ prompts: Prompts, maskInput: [Float]?, letterbox: Letterbox) {
            let clicks = zip(prompts.coords.map(letterbox.maskPixel), prompts.labels)
            positive = clicks.filter { $0.1 == .positive }.map(\.0)
            negative = clicks.filter { $0.1 == .negative }.map(\.0)
            window = prompts.box.map(letterbox.maskWindow)
            previous = maskInput.map { letterbox.cropped($0).map { $0 > Spec.maskThreshold } }
        }
    }

    public let numbers: MaskCleaning

    public init(_ numbers: MaskCleaning = MaskCleaning()) {
        self.numbers = numbers
    }

    /// Cleans the logits of a mask of the square; its padding stays as it is.
    ///
    /// - Parameters:
    ///   - logits: [size/2, size/2].
    ///   - asked: what the mask is asked for.
    ///   - letterbox: of the photo.
    public func cleaned(_ logits: [Float], _ asked: Asked, _ letterbox: Letterbox) -> [Float] {
        let width = letterbox.maskSize.x
        let before = letterbox.cropped(logits).map { $0 > Spec.maskThreshold }
        let after = cleaned(before, width: width, asked)
        var clean = logits
        for index in before.indices where before[index] != after[index] {
            let at = index / width * letterbox.maskSide + index % width
            let size = max(abs(clean[at]), Spec.flippedLogit)
            clean[at] = after[index] ? size : -size
        }
        return clean
    }

    /// Cleans a mask, row by row.
    public func cleaned(_ mask: [Bool], width: Int, _ asked: Asked) -> [Bool] {
        withoutUnasked(filled(mask, width: width, asked), width: width, asked)
    }

    private func filled(_ mask: [Bool], width: Int, _ asked: Asked) -> [Bool] {
        let gaps = Pieces(mask.map { !$0 }, width: width, corners: false)
        let height = mask.count / width
        var open = Set(asked.negative.map { gaps.numbers[$0.y * width + $0.x] })
        for x in 0..<width {
            open.formUnion([gaps.numbers[x], gaps.numbers[(height - 1) * width + x]])
        }
        for y in 0..<height {
            open.formUnion([gaps.numbers[y * width], gaps.numbers[(y + 1) * width - 1]])
        }
        let small = gaps.areas.enumerated().map { gap, area in
            gap > 0 && area < numbers.pinholeArea && !open.contains(gap)
        }
        return zip(mask, gaps.numbers).map { $0 || small[$1] }
    }

    private func withoutUnasked(_ mask: [Bool], width: Int, _ asked: Asked) -> [Bool] {
        let regions = Pieces(mask, width: width, corners: true)
        func region(_ place: Pixel) -> Int { regions.numbers[place.y * width + place.x] }
        let clicked = Set(asked.positive.map(region))
        let denied = Set(asked.negative.map(region))
        let all = Set(1..<regions.areas.count)
        var wanted: Set<Int> = asked.positive.isEmpty && asked.window == nil ? all : []
        func wantHalves(_ counts: (Int) -> Bool) {
            var inside = [Int](repeating: 0, count: regions.areas.count)
            for (index, number) in regions.numbers.enumerated() where number > 0 && counts(index) {
                inside[number] += 1
            }
            wanted.formUnion(all.filter { 2 * inside[$0] >= regions.areas[$0] })
        }
        if let window = asked.window {
            wantHalves { window.columns.contains($0 % width) && window.rows.contains($0 / width) }
        }
        if let previous = asked.previous { wantHalves { previous[$0] } }

        let asked = clicked.intersection(all).union(wanted.subtracting(denied))
        let stay = asked.isEmpty ? all : asked
        let large = stay.filter {
            clicked.contains($0) || regions.areas[$0] >= numbers.speckArea
        }
        let kept = large.isEmpty ? stay : large
        return regions.numbers.map(kept.contains)
    }
}
