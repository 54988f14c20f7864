import Foundation

/// Drawn inputs with their answers, which hold the kit's own code to Python's: `mask_cleaning.json`,
/// `looks.json` and `click_sampling.json` of a bundle. The modules
/// `masks.py`, `looks.py` and `saliency.py` of `squeezesam/vectors` say what each field is.
public struct GoldenVectors: Sendable {
    private let cases: [VectorCase]

    /// - Throws: `SqueezeSAMError.artifact` where these are no vectors.
    public init(json: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            cases = try decoder.decode([VectorCase].self, from: json)
        } catch {
            throw SqueezeSAMError.artifact("golden vectors are damaged; export again")
        }
    }

    public var count: Int { cases.count }

    /// The names of all cases that the kit answers differently.
    ///
    /// - Throws: `SqueezeSAMError.artifact` where a case is of an unknown kind or lacks a field.
    public func failures() throws -> [String] {
        try cases.filter { try !$0.isAnswered() }.map { "\($0.kind): \($0.name)" }
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
        default:
            throw SqueezeSAMError.artifact(
                "golden vectors are of the unknown kind \(kind); use the kit of this export")
        }
    }

    private func the<Value>(_ value: Value?) throws -> Value {
        guard let value else {
            throw SqueezeSAMError.artifact("the golden vector \(name) is damaged; export again")
        }
        return value
    }

    private func letterbox(_ size: Int? = nil) throws -> Letterbox {
        let sides = try the(photo)
        guard sides.count == 2 else { throw SqueezeSAMError.artifact("\(name) has no photo") }
        return Letterbox(width: sides[0], height: sides[1], size: try size ?? the(inputSize))
    }

    private func letterbox(of view: PhotoCrop) throws -> Letterbox {
        Letterbox(width: view.width, height: view.height, size: try the(inputSize))
    }

    private func crop() throws -> PhotoCrop {
        let sides = try the(view)
        guard sides.count == 4 else { throw SqueezeSAMError.artifact("\(name) has no view") }
        return PhotoCrop(left: sides[0], top: sides[1], width: sides[2], height: sides[3])
    }

    private func isCleaned() throws -> Bool {
        let asked = MaskCleanup.Asked(
            positive: try pixels(the(positive)), negative: try pixels(the(negative)),
            window: window.map { (columns: $0[0]..<$0[2], rows: $0[1]..<$0[3]) },
            previous: previous?.mask)
        let cleanup = MaskCleanup(try the(cleaning))
        let mask = try the(mask).map { $0 != 0 }
        return try cleanup.cleaned(mask, width: the(width), asked) == the(cleaned?.mask)
    }

    private func areLogitsCleaned() throws -> Bool {
        let letterbox = Letterbox(
            width: try the(width), height: try the(height), size: try the(width) * Spec.mapStride)
        let asked = MaskCleanup.Asked(positive: try pixels(the(positive)))
        return try MaskCleanup().cleaned(the(logits), asked, letterbox) == the(cleaned?.logits)
    }

    private func areMaskPlacesFound() throws -> Bool {
        let letterbox = try letterbox()
        let places = try the(photoPixels).map(letterbox.maskPixel)
        let found = try the(boxes).map { box in
            let window = letterbox.maskWindow(box)
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
        let places = try the(heatPixels).map { letterbox.photoPixel(Pixel($0[0], $0[1])) }
        return try pair(letterbox.inside) == the(inside)
            && pair(letterbox.heatSize) == the(heatSize)
            && places.map { Point(Float($0.x), Float($0.y)) } == the(photoPixels)
    }

    private func areClicksFound() throws -> Bool {
        let prompt = SaliencyPrompt(try the(sampling))
        let found = try prompt.salientObject(in: [UInt8](the(heat)), width: the(width))
        return try (found?.clicks ?? []).map(pair) == the(clicks)
            && (found?.area ?? 0) == the(blobArea)
    }

    private func isViewFound() throws -> Bool {
        let (on, beside) = (try the(positive), try the(negative))
        let prompts = Prompts(
            coords: on + beside,
            labels: on.map { _ in .positive } + beside.map { _ in .negative }, box: box)
        let mask = try the(mask).map { $0 != 0 }
        let view = Looks.surroundings(mask, prompts, try letterbox(), try the(looking))
        let found = Looks.moved(prompts, to: view)
        func places(_ label: PointLabel) -> [Point] {
            zip(found.coords, found.labels).filter { $0.1 == label }.map(\.0)
        }
        let wanted = try the(moved)
        return try view == crop() && places(.positive) == wanted.positive
            && places(.negative) == wanted.negative && found.box == wanted.box
    }

    private func isMovedOntoView() throws -> Bool {
        let view = try crop()
        let found = Looks.ontoView(
            try the(logits), photo: try letterbox(the(maskInputSize)), view: view,
            letterbox: try letterbox(of: view))
        return try isNear(found, the(previous?.logits))
    }

    private func isMovedOntoPhoto() throws -> Bool {
        let view = try crop()
        let found = Looks.ontoPhoto(
            try the(logits), view: view, letterbox: try letterbox(of: view), photo: try letterbox())
        return try isNear(found, the(placed))
    }

    /// "A port that differs from them by 1e-5 is good enough", as `squeezesam/vectors/looks.py` says.
    private func isNear(_ found: [Float], _ wanted: [Float]) -> Bool {
        found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) <= 1e-5 }
    }

    private func pair(_ pixel: Pixel) -> [Int] { [pixel.x, pixel.y] }

    private func pixels(_ places: [Point]) -> [Pixel] {
        places.map { Pixel(Int($0.x), Int($0.y)) }
    }
}
