import Foundation

/// Arrays by name, as NumPy writes them into an .npz.
package struct ArrayArchive {
    /// Values of one array, row by row.
    package struct Values: Equatable {
        package let shape: [Int]
        package let numbers: [Float]
    }

    private let arrays: [String: Values]

    private static let maxBytes = 400_000_000

    /// - Throws: `SqueezeSAMError.artifact` where it is no such archive.
    package init(_ data: Data) throws {
        let bytes = [UInt8](data)
        var arrays: [String: Values] = [:]
        for member in try Self.members(bytes) where member.name.hasSuffix(".npy") {
            let start = member.offset
            guard start + 30 <= bytes.count, number(bytes, start, 4) == 0x0403_4b50 else {
                throw Inflate.damaged
            }
            let first = start + 30 + number(bytes, start + 26, 2) + number(bytes, start + 28, 2)
            guard first + member.packed <= bytes.count, member.size <= Self.maxBytes else {
                throw Inflate.damaged
            }
            let packed = Array(bytes[first..<(first + member.packed)])
            let content: [UInt8]
            switch member.method {
            case 0 where packed.count == member.size: content = packed
            case 8: content = try Inflate.unpacked(packed, count: member.size)
            default: throw Inflate.damaged
            }
            arrays[String(member.name.dropLast(4))] = try Self.values(content)
        }
        self.arrays = arrays
    }

    /// - Throws: `SqueezeSAMError.artifact` where there is no array of this name.
    package func array(_ name: String) throws -> Values {
        guard let found = arrays[name] else {
            throw SqueezeSAMError.artifact("a golden file has no array \(name); export again")
        }
        return found
    }

    private struct Member {
        let name: String
        let method: Int
        let packed: Int
        let size: Int
        let offset: Int
    }

    private static func members(_ bytes: [UInt8]) throws -> [Member] {
        let end = stride(from: bytes.count - 22, through: max(0, bytes.count - 65557), by: -1)
            .first { number(bytes, $0, 4) == 0x0605_4b50 }
        guard let end else { throw Inflate.damaged }
        var at = number(bytes, end + 16, 4)
        var members: [Member] = []
        for _ in 0..<number(bytes, end + 10, 2) {
            guard at + 46 <= bytes.count, number(bytes, at, 4) == 0x0201_4b50 else {
                throw Inflate.damaged
            }
            let length = number(bytes, at + 28, 2)
            guard at + 46 + length <= bytes.count else { throw Inflate.damaged }
            members.append(
                Member(
                    name: String(decoding: bytes[(at + 46)..<(at + 46 + length)], as: UTF8.self),
                    method: number(bytes, at + 10, 2), packed: number(bytes, at + 20, 4),
                    size: number(bytes, at + 24, 4), offset: number(bytes, at + 42, 4)))
            at += 46 + length + number(bytes, at + 30, 2) + number(bytes, at + 32, 2)
        }
        return members
    }

    /// What an .npy holds: a line of Python that describes the array, and its numbers.
    private static func values(_ npy: [UInt8]) throws -> Values {
        guard npy.count >= 10, npy.starts(with: [0x93] + Array("NUMPY".utf8)), npy[6] == 1 else {
            throw Inflate.damaged
        }
        let first = 10 + number(npy, 8, 2)
        guard first <= npy.count else { throw Inflate.damaged }
        let line = String(decoding: npy[10..<first], as: UTF8.self)
        guard line.contains("'fortran_order': False"),
            let type = line.firstMatch(of: /'descr': '([^']+)'/)?.1,
            let sides = line.firstMatch(of: /'shape': \(([0-9, ]*)\)/)?.1
        else { throw Inflate.damaged }
        let shape = sides.split(separator: ",").compactMap { side in
            Int(side.trimmingCharacters(in: .whitespaces))
        }
        let width = ["<f4": 4, "|u1": 1, "<i8": 8][String(type)] ?? 0
        guard width > 0 else { throw Inflate.damaged }
        let (room, rest) = (npy.count - first).quotientAndRemainder(dividingBy: width)
        var count = 1
        for side in shape {
            let (product, isTooLarge) = count.multipliedReportingOverflow(by: side)
            guard !isTooLarge else { throw Inflate.damaged }
            count = product
        }
        guard count == room, rest == 0 else { throw Inflate.damaged }
        let numbers = npy.withUnsafeBytes { bytes in
            (0..<count).map { index -> Float in
                let at = first + index * width
                switch width {
                case 4: return bytes.loadUnaligned(fromByteOffset: at, as: Float.self)
                case 8: return Float(bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
                default: return Float(bytes[at])
                }
            }
        }
        return Values(shape: shape, numbers: numbers)
    }
}

/// An unsigned number of so many bytes, the lowest byte first; 0 where it is not all there.
private func number(_ bytes: [UInt8], _ place: Int, _ count: Int) -> Int {
    guard place >= 0, place + count <= bytes.count else { return 0 }
    return (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
}
