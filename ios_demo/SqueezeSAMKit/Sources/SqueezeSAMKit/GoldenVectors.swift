import Foundation

/// Drawn inputs with their answers, which hold the kit's own code to Python's: the JSON files in the
/// folder `golden` of a bundle. The modules of `squeezesam/vectors` say what each field is.
public struct GoldenVectors: Sendable {
    private let cases: [GoldenCase]

    /// - Throws: `SqueezeSAMError.artifact` where these are no vectors.
    public init(json: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            cases = try decoder.decode([GoldenCase].self, from: json)
        } catch {
            throw SqueezeSAMError.artifact("golden vectors are damaged; export again")
        }
    }

    public var count: Int { cases.count }

    /// The names of all cases that the kit answers differently.
    ///
    /// - Throws: `SqueezeSAMError` where a case is of an unknown kind, lacks a field, or asks what has
    ///   no meaning.
    public func failures() async throws -> [String] {
        var names: [String] = []
        for one in cases {
            switch one {
            case .step(let step):
                if try !step.isAnswered() { names.append("\(step.kind): \(step.name)") }
            case .answers(let whole): names += try await whole.failures()
            }
        }
        return names
    }
}

/// A case, in the form of its kind.
private enum GoldenCase: Decodable {
    case step(VectorCase)
    case answers(GoldenAnswers)

    private struct Kind: Decodable {
        let kind: String
    }

    init(from decoder: any Decoder) throws {
        let isWhole = try Kind(from: decoder).kind == "answers"
        self =
            isWhole
            ? .answers(try GoldenAnswers(from: decoder)) : .step(try VectorCase(from: decoder))
    }
}

private struct VectorCase: Decodable {
    let kind: String
    let name: String
    let photo: [Int]?
    let view: [Int]?
    let inputSize: Int?
    let maskInputSize: Int?
    let width: Int?
    let height: Int?
    let mask: Data?
    let positive: [Point]?
    let negative: [Point]?
    let box: Box?
    let window: [Int]?
    let previous: Values?
    let cleaning: MaskCleaning?
    let cleaned: Values?
    let logits: [Float]?
    let maskSize: [Int]?
    let photoPixels: [Point]?
    let maskPixels: [[Int]]?
    let boxes: [Box]?
    let windows: [[Int]]?
    let looking: Looking?
    let moved: Moved?
    let placed: [Float]?
    let bytes: [UInt8]?
    let heat: Data?
    let sampling: ClickSampling?
    let blobArea: Int?
    let clicks: [[Int]]?
    let inside: [Int]?
    let heatSize: [Int]?
    let heatPixels: [[Int]]?
    let pixels: Data?
    let image: Data?
    let photoLogits: [Float]?
    let photoMask: Data?
    let photoAlpha: [Float]?
    let coords: [Point]?
    let labels: [Int]?
    let maskInput: [Float]?
    let promptMaps: [Float]?
    let promptTokens: [Float]?
    let tolerance: Tolerance?

    struct Tolerance: Decodable {
        let photoLogits: Float?
        let photoAlpha: Float?
        let promptMaps: Float?
        let promptTokens: Float?
    }

    struct Moved: Decodable {
        let positive: [Point]
        let negative: [Point]
        let box: Box?
    }

    /// A mask as bytes, or logits.
    enum Values: Decodable {
        case mask(Data)
        case logits([Float])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let mask = try? container.decode(Data.self) {
                self = .mask(mask)
            } else {
                self = .logits(try container.decode([Float].self))
            }
        }

        var mask: [Bool]? {
            if case .mask(let data) = self { return data.map { $0 != 0 } }
            return nil
        }

        var logits: [Float]? {
            if case .logits(let values) = self { return values }
            return nil
        }
    }

    func isAnswered() throws -> Bool {
        switch kind {
        case "clean": return try isCleaned()
        case "logits": return try areLogitsCleaned()
        case "places": return try heatPixels == nil ? areMaskPlacesFound() : areHeatPlacesFound()
        case "heat":
            return try the(logits).map(SaliencyPrompt.heatByte) == the(bytes)
        case "clicks": return try areClicksFound()
        case "view": return try isViewFound()
        case "onto_view": return try isMovedOntoView()
        case "onto_photo": return try isMovedOntoPhoto()
        case "letterbox": return try isPhotoShown()
        case "upsampling": return try isMaskEnlarged()
        case "prompts": return try arePromptsEncoded()
        default:
            throw SqueezeSAMError.artifact(
                "golden vectors are of the unknown kind \(kind); use the kit of this export")
        }
    }

    private func the<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw damage }
        return value
    }

    /// What a stranger wrote is checked before the kit works with it, so that no number ends the app.
    private func check(_ isSound: Bool) throws {
        guard isSound else { throw damage }
    }

    private var damage: SqueezeSAMError {
        .artifact("the golden vector \(name) is damaged; export again")
    }

    private func letterbox(_ size: Int? = nil) throws -> Letterbox {
        let sides = try the(photo)
        try check(sides.count == 2)
        return try Letterbox(told: sides[0], sides[1], size: size ?? the(inputSize))
    }

    private func letterbox(of view: PhotoCrop) throws -> Letterbox {
        try Letterbox(told: view.width, view.height, size: the(inputSize))
    }

    private func crop() throws -> PhotoCrop {
        let (sides, photo) = (try the(view), try letterbox())
        try check(
            sides.count == 4 && (0..<photo.width).contains(sides[0])
                && (0..<photo.height).contains(sides[1])
                && (1...(photo.width - sides[0])).contains(sides[2])
                && (1...(photo.height - sides[1])).contains(sides[3]))
        return PhotoCrop(left: sides[0], top: sides[1], width: sides[2], height: sides[3])
    }

    /// Places whose arithmetic stays far from the ends of whole numbers.
    private func near(_ places: [Point]?) throws -> [Point] {
        let places = try the(places)
        try check(places.allSatisfy { isNear($0.x) && isNear($0.y) })
        return places
    }

    private func near(_ box: Box) throws -> Box {
        try check(box.edges.allSatisfy(isNear) && box.x0 <= box.x1 && box.y0 <= box.y1)
        return box
    }

    private func isNear(_ place: Float) -> Bool { abs(place) <= 1e6 }

    private func logits(side: Int) throws -> [Float] {
        let logits = try the(logits)
        try check(logits.count == side * side)
        return logits
    }

    private func isCleaned() throws -> Bool {
        let (bytes, width) = (try the(mask), try the(width))
        try check(width > 0 && !bytes.isEmpty && bytes.count % width == 0)
        let size = Pixel(width, bytes.count / width)
        try check(previous?.mask.map { $0.count == bytes.count } ?? true)
        let asked = MaskCleanup.Asked(
            positive: try pixels(positive, of: size), negative: try pixels(negative, of: size),
            window: try window.map { edges in
                try check(edges.count == 4 && edges[0] <= edges[2] && edges[1] <= edges[3])
                return (columns: edges[0]..<edges[2], rows: edges[1]..<edges[3])
            },
            previous: previous?.mask)
        let cleanup = MaskCleanup(try the(cleaning))
        return try cleanup.cleaned(bytes.map { $0 != 0 }, width: width, asked)
            == the(cleaned?.mask)
    }

    private func areLogitsCleaned() throws -> Bool {
        let (width, height) = (try the(width), try the(height))
        try check((1...Spec.maxInputSize).contains(width))
        let letterbox = try Letterbox(told: width, height, size: width * Spec.mapStride)
        let asked = MaskCleanup.Asked(positive: try pixels(positive, of: letterbox.maskSize))
        return try MaskCleanup().cleaned(logits(side: width), asked, letterbox)
            == the(cleaned?.logits)
    }

    private func areMaskPlacesFound() throws -> Bool {
        let letterbox = try letterbox()
        let places = try near(photoPixels).map(letterbox.maskPixel)
        let found = try the(boxes).map { box in
            let window = letterbox.maskWindow(try near(box))
            return [
                window.columns.lowerBound, window.rows.lowerBound, window.columns.upperBound,
                window.rows.upperBound,
            ]
        }
        return try pair(letterbox.maskSize) == the(maskSize)
            && places.map(pair) == the(maskPixels) && found == the(windows)
    }

    private func areHeatPlacesFound() throws -> Bool {
        let letterbox = try letterbox()
        let places = try the(heatPixels).map { place in
            try check(place.count == 2 && place.allSatisfy { (0...Spec.maxInputSize).contains($0) })
            return letterbox.photoPixel(Pixel(place[0], place[1]))
        }
        return try pair(letterbox.inside) == the(inside)
            && pair(letterbox.heatSize) == the(heatSize)
            && places.map { Point(Float($0.x), Float($0.y)) } == the(photoPixels)
    }

    private func areClicksFound() throws -> Bool {
        let (heat, width, sampling) = (try the(heat), try the(width), try the(sampling))
        try sampling.check()
        try check(width > 0 && heat.count % width == 0)
        let found = SaliencyPrompt(sampling).salientObject(in: [UInt8](heat), width: width)
        return try (found?.clicks ?? []).map(pair) == the(clicks)
            && (found?.area ?? 0) == the(blobArea)
    }

    private func isViewFound() throws -> Bool {
        let (on, beside) = (try near(positive), try near(negative))
        let prompts = Prompts(
            coords: on + beside,
            labels: on.map { _ in .positive } + beside.map { _ in .negative },
            box: try box.map(near))
        let (mask, letterbox, looking) = (try the(mask), try letterbox(), try the(looking))
        try looking.check()
        try check(mask.count == letterbox.maskSize.x * letterbox.maskSize.y)
        let shown = Looks.surroundings(mask.map { $0 != 0 }, prompts, letterbox, looking)
        let found = Looks.moved(prompts, to: shown)
        func places(_ label: PointLabel) -> [Point] {
            zip(found.coords, found.labels).filter { $0.1 == label }.map(\.0)
        }
        let wanted = try the(moved)
        let sides = [shown.left, shown.top, shown.width, shown.height]
        return try sides == the(view) && places(.positive) == wanted.positive
            && places(.negative) == wanted.negative && found.box == wanted.box
    }

    private func isMovedOntoView() throws -> Bool {
        let (view, photo) = (try crop(), try letterbox(the(maskInputSize)))
        let found = Looks.ontoView(
            try logits(side: photo.maskSide), photo: photo, view: view,
            letterbox: try letterbox(of: view))
        return try areNear(found, the(previous?.logits), by: Self.looksTolerance)
    }

    private func isMovedOntoPhoto() throws -> Bool {
        let view = try crop()
        let letterbox = try letterbox(of: view)
        let found = Looks.ontoPhoto(
            try logits(side: letterbox.maskSide), view: view, letterbox: letterbox,
            photo: try self.letterbox())
        return try areNear(found, the(placed), by: Self.looksTolerance)
    }

    private func isPhotoShown() throws -> Bool {
        let (view, sides) = (try crop(), try the(photo))
        let shown = try Photo(bytes: [UInt8](the(pixels)), width: sides[0], height: sides[1])
        let found = try letterbox(of: view).apply(shown, part: view).values
        return try found == the(image).map { (Float($0) - Spec.pixelMean) * Spec.pixelScale }
    }

    private func isMaskEnlarged() throws -> Bool {
        let (letterbox, wanted) = (try letterbox(), try the(photoMask))
        try check(letterbox.width * letterbox.height == wanted.count)
        let (logits, enlarging) = (try logits(side: letterbox.maskSide), MaskUpsampling(letterbox))
        let alpha = enlarging.photoAlpha(logits).map(Float.init)
        return try enlarging.photoMask(logits) == wanted.map { $0 != 0 }
            && areNear(
                enlarging.photoLogits(logits), the(photoLogits), by: the(tolerance?.photoLogits))
            && areNear(alpha, the(photoAlpha), by: the(tolerance?.photoAlpha))
    }

    private func arePromptsEncoded() throws -> Bool {
        let letterbox = try letterbox()
        let prompts = try Prompts(
            pointCoords: the(coords), pointLabels: the(labels), box: box, width: letterbox.width,
            height: letterbox.height)
        let area = letterbox.maskSide * letterbox.maskSide
        try check(maskInput.map { $0.count == area } ?? true)
        let found = PromptEncoder(letterbox).encode(prompts, maskInput: maskInput)
        return try areNear(found.maps, the(promptMaps), by: the(tolerance?.promptMaps))
            && areNear(found.tokens, the(promptTokens), by: the(tolerance?.promptTokens))
    }

    /// "A port that differs from them by 1e-5 is good enough", as `squeezesam/vectors/looks.py` says.
    private static let looksTolerance: Float = 1e-5

    private func pair(_ pixel: Pixel) -> [Int] { [pixel.x, pixel.y] }

    private func pixels(_ places: [Point]?, of size: Pixel) throws -> [Pixel] {
        try near(places).map { place in
            let pixel = Pixel(Int(place.x), Int(place.y))
            try check((0..<size.x).contains(pixel.x) && (0..<size.y).contains(pixel.y))
            return pixel
        }
    }
}

/// Whether two lists differ by no more than a number anywhere.
func areNear(_ found: [Float], _ wanted: [Float], by most: Float) -> Bool {
    found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) <= most }
}
