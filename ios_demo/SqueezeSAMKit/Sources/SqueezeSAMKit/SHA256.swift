import Foundation

#if canImport(CryptoKit)
    import CryptoKit

    /// SHA-256 by Apple's library.
    struct Hasher256 {
        private var hash = CryptoKit.SHA256()

        mutating func update(_ data: Data) { hash.update(data: data) }

        func finalize() -> [UInt8] { Array(hash.finalize()) }
    }
#else
    /// SHA-256 (FIPS 180-4), where there is no CryptoKit.
    struct Hasher256 {
        private var state: [UInt32] = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
            0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
        ]
        private var rest: [UInt8] = []
        private var length: UInt64 = 0

        mutating func update(_ data: Data) {
            length += UInt64(data.count) * 8
            rest.append(contentsOf: data)
            let whole = rest.count / 64 * 64
            rest.withUnsafeBufferPointer { bytes in
                for start in stride(from: 0, to: whole, by: 64) { Self.mix(&state, bytes, start) }
            }
            rest.removeFirst(whole)
        }

        func finalize() -> [UInt8] {
            var last = rest + [0x80]
            last += Array(repeating: 0, count: (120 - last.count % 64) % 64)
            last += (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(56 - 8 * $0)) }
            var state = state
            last.withUnsafeBufferPointer { bytes in
                for start in stride(from: 0, to: last.count, by: 64) {
                    Self.mix(&state, bytes, start)
                }
            }
            return state.flatMap { word in
                [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
            }
        }

        private static func mix(
            _ state: inout [UInt32], _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int
        ) {
            func turned(_ word: UInt32, _ bits: UInt32) -> UInt32 {
                word >> bits | word << (32 - bits)
            }
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
                for i in 0..<16 {
                    words[i] = (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[start + 4 * i + $1]) }
                }
                for i in 16..<64 {
                    let (a, b) = (words[i - 15], words[i - 2])
                    let low = turned(a, 7) ^ turned(a, 18) ^ a >> 3
                    let high = turned(b, 17) ^ turned(b, 19) ^ b >> 10
                    words[i] = words[i - 16] &+ low &+ words[i - 7] &+ high
                }
                var (a, b, c, d) = (state[0], state[1], state[2], state[3])
                var (e, f, g, h) = (state[4], state[5], state[6], state[7])
                for i in 0..<64 {
                    let high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
                    let one = h &+ high &+ (e & f ^ ~e & g) &+ roundConstants[i] &+ words[i]
                    let low = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
                    let two = low &+ (a & b ^ a & c ^ b & c)
                    (h, g, f, e, d, c, b, a) = (g, f, e, d &+ one, c, b, a, one &+ two)
                }
                for (i, word) in [a, b, c, d, e, f, g, h].enumerated() { state[i] &+= word }
            }
        }
    }

    private let roundConstants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
        0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
        0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
        0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
        0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
        0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
        0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
        0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
#endif

/// SHA-256 of a file, read piece by piece, in hexadecimal.
func sha256(of url: URL) throws -> String {
    let file = try FileHandle(forReadingFrom: url)
    defer { try? file.close() }
    var hasher = Hasher256()
    while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hasher.update(piece) }
    return hexadecimal(hasher.finalize())
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { (byte: UInt8) -> String in
        let digits = String(byte, radix: 16)
        return byte < 16 ? "0" + digits : digits
    }.joined()
}
