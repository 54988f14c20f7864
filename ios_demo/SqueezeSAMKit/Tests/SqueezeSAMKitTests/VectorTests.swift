import Foundation
import SqueezeSAMKit
import Testing

@Suite(.enabled(if: vectorFolder != nil, "SQUEEZESAM_VECTORS names no folder; see pytest --swift"))
struct VectorTests {
    /// The files of vectors of an export with both networks, and how many cases they have at the
    /// least.
    static let files = [
        ("mask_cleaning", 90), ("click_sampling", 90), ("looks", 80), ("photos", 14),
        ("prompts", 6),
        ("answers", 1),
    ]

    @Test(arguments: files)
    func goldenVectorsAreAnswered(file: String, least: Int) async throws {
        let golden = try GoldenVectors(json: Data(contentsOf: vectorURL("golden/\(file).json")))
        #expect(golden.count >= least)
        #expect(try await golden.failures() == [])
    }

    @Test func aWrongAnswerIsNoticed() async throws {
        for (file, _) in Self.files {
            let golden = try GoldenVectors(json: Data(contentsOf: vectorURL(file + "_wrong.json")))
            #expect(golden.count > 10)
            #expect(try await golden.failures().count == golden.count, "\(file)")
        }
    }

    /// Numbers of strangers must not end the app: a trap here ends all tests.
    @Test(arguments: files)
    func damagedVectorsEndInATypedError(file: String, least: Int) async throws {
        let json = try JSONSerialization.jsonObject(
            with: Data(contentsOf: vectorURL("golden/\(file).json")))
        let cases = try #require(json as? [[String: Any]])
        var kinds: [String: [String: Any]] = [:]
        for var one in cases {
            // A few questions are enough; each change asks them all.
            if let asked = one["asked"] as? [Any] { one["asked"] = Array(asked.prefix(2)) }
            kinds[try #require(one["kind"] as? String) + "\(one["heat_pixels"] == nil)"] = one
        }
        let numbers: [Any] = [
            0, -1, 1, 3, 65536, Int.max, Int.min, 1e30, -1e30, [Any](), [Int.max, Int.min], "",
            Data(repeating: 1, count: 7).base64EncodedString(), NSNull(),
        ]
        var refused = 0
        for one in kinds.values {
            for path in places(in: one) {
                for number in numbers {
                    let other = replaced(one, at: path[...], with: number)
                    let data = try JSONSerialization.data(withJSONObject: [other])
                    do {
                        _ = try await GoldenVectors(json: data).failures()
                    } catch {
                        #expect(error is SqueezeSAMError)
                        refused += 1
                    }
                }
            }
        }
        #expect(refused > 100)
    }

    @Test func constantsAreThoseOfPython() throws {
        let json = try JSONSerialization.jsonObject(
            with: Data(contentsOf: vectorURL("constants.json")))
        let object = try #require(json as? [String: Any])
        let numbers: [String: Double] = [
            "MAP_STRIDE": Double(Spec.mapStride), "SALIENCY_STRIDE": Double(Spec.saliencyStride),
            "HEAT_LEVELS": Double(Spec.heatLevels), "PIXEL_MEAN": Double(Spec.pixelMean),
            "PIXEL_SCALE": Double(Spec.pixelScale), "PAD_BYTE": Double(Spec.padByte),
            "DISC_RADIUS": Double(Spec.discRadius), "POINT_SLOTS": Double(Spec.pointSlots),
            "BOX_SLOTS": Double(Spec.boxSlots), "TOKEN_SLOTS": Double(Spec.tokenSlots),
            "POSITION_FREQUENCIES": Double(Spec.positionFrequencies),
            "POSITION_FEATURES": Double(Spec.positionFeatures),
            "TOKEN_KINDS": Double(Spec.tokenKinds), "TOKEN_FEATURES": Double(Spec.tokenFeatures),
            "NUM_MASKS": Double(Spec.numMasks), "MASK_THRESHOLD": Double(Spec.maskThreshold),
            "FLIPPED_LOGIT": Double(Spec.flippedLogit),
            "OUTSIDE_LOGIT": Double(Spec.outsideLogit), "EDGE_SHARPNESS": Spec.edgeSharpness,
        ]
        for (name, value) in object {
            guard let number = value as? NSNumber else { continue }
            #expect(numbers[name] == number.doubleValue, "\(name)")
        }
        struct Defaults: Decodable {
            let cleaning: MaskCleaning
            let looking: Looking
            let sampling: ClickSampling

            enum CodingKeys: String, CodingKey {
                case cleaning = "DEFAULT_CLEANING"
                case looking = "DEFAULT_LOOKING"
                case sampling = "DEFAULT_SAMPLING"
            }
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let name = path.last?.stringValue ?? ""
            let parts = name.split(separator: "_")
            let camel = parts.dropFirst().reduce(parts.first.map(String.init) ?? "") {
                $0 + $1.capitalized
            }
            return Key(stringValue: name.hasPrefix("DEFAULT") ? name : camel)
        }
        let text = try Data(contentsOf: vectorURL("constants.json"))
        let defaults = try decoder.decode(Defaults.self, from: text)
        #expect(defaults.cleaning == MaskCleaning())
        #expect(defaults.looking == Looking())
        #expect(defaults.sampling == ClickSampling())
    }

    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { nil }
    }

    @Test func arraysOfNumPyAreRead() throws {
        let data = try Data(contentsOf: vectorURL("arrays.npz"))
        let archive = try ArrayArchive(data)
        let ramp = (0..<5000).map { Float($0 % 97) }
        #expect(try archive.array("floats").numbers == ramp.map { $0 / 4 })
        #expect(try archive.array("floats").shape == [5, 1000])
        #expect(try archive.array("bytes").numbers == ramp)
        #expect(try archive.array("longs").numbers == ramp.map { -$0 })
        #expect(try archive.array("noise").numbers.count == 3000)
        #expect(try archive.array("empty").numbers == [])
        let stored = try ArrayArchive(Data(contentsOf: vectorURL("stored.npz")))
        #expect(try stored.array("floats") == archive.array("floats"))
        #expect(throws: SqueezeSAMError.self) { try archive.array("others") }
    }

    @Test func damagedArraysEndInATypedError() throws {
        let whole = try [UInt8](Data(contentsOf: vectorURL("arrays.npz")))
        var generator = SystemRandomNumberGenerator()
        for round in 0..<300 {
            var bytes = whole
            if round % 3 == 0 {
                bytes.removeLast(Int.random(in: 1..<bytes.count, using: &generator))
            } else {
                for _ in 0..<4 {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes[place] = UInt8.random(in: 0...255, using: &generator)
                }
            }
            do {
                _ = try ArrayArchive(Data(bytes))
            } catch {
                #expect(error is SqueezeSAMError)
            }
        }
    }
}

/// The paths of an object's fields and of all that is in them; of a long list the first three.
private func places(in value: Any) -> [[String]] {
    var parts: [(String, Any)] = []
    if let fields = value as? [String: Any] { parts = fields.map { ($0, $1) } }
    if let list = value as? [Any] { parts = list.prefix(3).enumerated().map { ("\($0)", $1) } }
    return parts.flatMap { name, part in [[name]] + places(in: part).map { [name] + $0 } }
}

private func replaced(_ value: Any, at path: ArraySlice<String>, with other: Any) -> Any {
    guard let step = path.first else { return other }
    if var list = value as? [Any], let place = Int(step) {
        list[place] = replaced(list[place], at: path.dropFirst(), with: other)
        return list
    }
    guard var fields = value as? [String: Any], let part = fields[step] else { return value }
    fields[step] = replaced(part, at: path.dropFirst(), with: other)
    return fields
}
