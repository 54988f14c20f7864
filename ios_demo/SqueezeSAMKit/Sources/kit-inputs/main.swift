import Foundation
import SqueezeSAMKit

// Writes what `CoreMLRuntime` hands to Core ML, byte for byte, so that a machine without Core ML can
// feed it to the exported package. `tests/test_swift_kit.py` writes the questions:
//
//     kit-inputs QUESTIONS.json
//
// Each question has `photo` (width, height), `pixels` (a file of RGB bytes), `size`, `clicks`
// (x, y, label), `box` or null, `mask_input` (a file of float32) or null, `bytes_per_row` and `out`,
// a folder. There, it writes `image.bgra`, `prompt_maps.f32` and `prompt_tokens.f32`.

struct Asked: Decodable {
    let photo: [Int]
    let pixels: String
    let size: Int
    let clicks: [[Float]]
    let box: Box?
    let maskInput: String?
    let bytesPerRow: Int
    let out: String
}

func write(_ values: [Float], to url: URL) throws {
    try values.withUnsafeBytes { try Data($0).write(to: url) }
}

func answer(_ asked: Asked) throws {
    let (width, height) = (asked.photo[0], asked.photo[1])
    let bytes = try Data(contentsOf: URL(fileURLWithPath: asked.pixels))
    let photo = try Photo(bytes: [UInt8](bytes), width: width, height: height)
    let prompts = try Prompts(
        pointCoords: asked.clicks.map { Point($0[0], $0[1]) },
        pointLabels: asked.clicks.map { Int($0[2]) },
        box: asked.box, width: width, height: height)
    let before = try asked.maskInput.map { path in
        try Data(contentsOf: URL(fileURLWithPath: path)).withUnsafeBytes {
            Array($0.bindMemory(to: Float.self))
        }
    }
    let letterbox = Letterbox(width: width, height: height, size: asked.size)
    let encoded = PromptEncoder(letterbox).encode(prompts, maskInput: before)
    let out = URL(fileURLWithPath: asked.out, isDirectory: true)
    var pixels = [UInt8](repeating: 0, count: asked.size * asked.bytesPerRow)
    pixels.withUnsafeMutableBytes {
        letterbox.apply(photo).writeBGRA(to: $0, bytesPerRow: asked.bytesPerRow)
    }
    try Data(pixels).write(to: out.appendingPathComponent("image.bgra"))
    try write(encoded.maps, to: out.appendingPathComponent("prompt_maps.f32"))
    try write(encoded.tokens, to: out.appendingPathComponent("prompt_tokens.f32"))
}

let decoder = JSONDecoder()
decoder.keyDecodingStrategy = .convertFromSnakeCase
let questions = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
for asked in try decoder.decode([Asked].self, from: questions) { try answer(asked) }
