/// Unpacks DEFLATE (RFC 1951), as golden files are packed.
struct Inflate {
    private let input: [UInt8]
    private var place = 0
    private var bits: UInt32 = 0
    private var bitCount: UInt32 = 0

    /// - Parameters:
    ///   - input: a whole stream.
    ///   - count: of the bytes that come out, exactly.
    /// - Throws: `SqueezeSAMError.artifact` where it is damaged or of another length.
    static func unpacked(_ input: [UInt8], count: Int) throws -> [UInt8] {
        var stream = Inflate(input: input)
        var output: [UInt8] = []
        output.reserveCapacity(count)
        var isLast = false
        while !isLast {
            isLast = try stream.take(1) == 1
            switch try stream.take(2) {
            case 0: try stream.copyStored(to: &output, limit: count)
            case 1:
                try stream.copyPacked(.fixedLiterals, .fixedDistances, to: &output, limit: count)
            case 2:
                let (literals, distances) = try stream.readCodes()
                try stream.copyPacked(literals, distances, to: &output, limit: count)
            default: throw damaged
            }
        }
        guard output.count == count else { throw damaged }
        return output
    }

    static let damaged = SqueezeSAMError.artifact("a golden file is damaged; export again")

    private init(input: [UInt8]) {
        self.input = input
    }

    private mutating func take(_ count: UInt32) throws -> Int {
        while bitCount < count {
            guard place < input.count else { throw Self.damaged }
            bits |= UInt32(input[place]) << bitCount
            place += 1
            bitCount += 8
        }
        let value = bits & ((1 << count) - 1)
        bits >>= count
        bitCount -= count
        return Int(value)
    }

    private mutating func copyStored(to output: inout [UInt8], limit: Int) throws {
        (bits, bitCount) = (0, 0)
        let (length, inverse) = (try take(16), try take(16))
        guard length ^ inverse == 0xffff, place + length <= input.count,
            output.count + length <= limit
        else { throw Self.damaged }
        output += input[place..<(place + length)]
        place += length
    }

    private mutating func copyPacked(
        _ literals: Code, _ distances: Code, to output: inout [UInt8], limit: Int
    ) throws {
        while true {
            let symbol = try next(literals)
            if symbol == 256 { return }
            if symbol < 256 {
                guard output.count < limit else { throw Self.damaged }
                output.append(UInt8(symbol))
                continue
            }
            let length = try value(symbol - 257, Self.lengths)
            let distance = try value(try next(distances), Self.distances)
            guard distance <= output.count, output.count + length <= limit else {
                throw Self.damaged
            }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }

    /// A length or distance: the base of its symbol and extra bits.
    private mutating func value(_ symbol: Int, _ table: [(base: Int, bits: UInt32)]) throws -> Int {
        guard symbol < table.count else { throw Self.damaged }
        return table[symbol].base + (try take(table[symbol].bits))
    }

    private mutating func next(_ code: Code) throws -> Int {
        var (value, first, index) = (0, 0, 0)
        for count in code.counts.dropFirst() {
            value |= try take(1)
            // Below the first value are codes of symbols for which there is no room.
            guard value >= first else { throw Self.damaged }
            if value - first < count { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw Self.damaged
    }

    private mutating func readCodes() throws -> (Code, Code) {
        let (literals, distances) = (try take(5) + 257, try take(5) + 1)
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var lengths = [Int](repeating: 0, count: 19)
        for place in order.prefix(try take(4) + 4) { lengths[place] = try take(3) }
        let code = Code(lengths)
        var all: [Int] = []
        while all.count < literals + distances {
            let symbol = try next(code)
            switch symbol {
            case 0..<16: all.append(symbol)
            case 16:
                guard let last = all.last else { throw Self.damaged }
                all += Array(repeating: last, count: try take(2) + 3)
            case 17: all += Array(repeating: 0, count: try take(3) + 3)
            default: all += Array(repeating: 0, count: try take(7) + 11)
            }
        }
        guard all.count == literals + distances else { throw Self.damaged }
        return (Code(Array(all[..<literals])), Code(Array(all[literals...])))
    }

    private static let lengths: [(base: Int, bits: UInt32)] =
        table(start: 3, extra: [0, 0, 0, 0] + (0...5).flatMap { [$0, $0, $0, $0] }) + [(258, 0)]
    private static let distances = table(start: 1, extra: [0, 0] + (0...13).flatMap { [$0, $0] })

    private static func table(start: Int, extra: [Int]) -> [(base: Int, bits: UInt32)] {
        var base = start
        var table: [(base: Int, bits: UInt32)] = []
        for bits in extra {
            table.append((base, UInt32(bits)))
            base += 1 << bits
        }
        return table
    }
}

/// A canonical Huffman code.
private struct Code {
    /// How many symbols have each length, and all symbols by length.
    let counts: [Int]
    let symbols: [Int]

    init(_ lengths: [Int]) {
        var counts = [Int](repeating: 0, count: 16)
        for length in lengths where length > 0 { counts[length] += 1 }
        self.counts = counts
        symbols = lengths.indices.filter { lengths[$0] > 0 }
            .sorted { (lengths[$0], $0) < (lengths[$1], $1) }
    }

    static let fixedLiterals = Code(
        (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    static let fixedDistances = Code(Array(repeating: 5, count: 30))
}
