/// Removes secrets from text before it is shown.
///
/// The filter finds a whole secret and each piece of it that has at least 31 bytes, because a server that repeats a
/// secret may cut it. The filter also removes the text after `Bearer`, `sig=` or a similar name, and text that looks
/// like a JSON Web Token. Such text may be a secret of another program.
package struct SecretFilter: Sendable {
    /// The minimum length of a secret. Shorter texts are too likely to be words of a message.
    private static let shortest = 6
    /// The number of bytes that are compared at once.
    private static let blockSize = 16
    /// The replacement for a secret.
    private static let cover = Array("\(Secret(""))".utf8)

    /// The blocks of the secrets, from their beginnings and from their ends, with the number of secrets that have each
    /// block.
    private var blocks: [UInt128: Int] = [:]
    /// The secrets that are shorter than a block.
    private var words: [[UInt8]] = []

    /// Makes a filter without secrets.
    package init() {}

    /// Adds a secret: its plain text, and its encodings in URLs and forms.
    package mutating func hide(_ secret: Secret<String>) {
        for form in Self.forms(of: secret) {
            if form.count < Self.blockSize {
                words.append(form)
            } else {
                for block in Self.blocks(of: form) { blocks[block, default: 0] += 1 }
            }
        }
    }

    /// Reverses one ``hide(_:)`` of the secret.
    mutating func show(_ secret: Secret<String>) {
        for form in Self.forms(of: secret) {
            if form.count < Self.blockSize {
                if let index = words.firstIndex(of: form) { words.remove(at: index) }
            } else {
                for block in Self.blocks(of: form) {
                    let count = (blocks[block] ?? 1) - 1
                    blocks[block] = count > 0 ? count : nil
                }
            }
        }
    }

    private static func forms(of secret: Secret<String>) -> [[UInt8]] {
        let plain = Array(secret.reveal().utf8)
        guard plain.count >= shortest else { return [] }
        let encoded = plain.flatMap { byte in
            if isUnreserved(byte) { return [byte] }
            let digits = String(byte, radix: 16, uppercase: true)
            return Array("%\(digits.utf8.count < 2 ? "0" : "")\(digits)".utf8)
        }
        return plain == encoded ? [plain] : [plain, encoded]
    }

    private static func blocks(of bytes: [UInt8]) -> Set<UInt128> {
        var found: Set<UInt128> = []
        for start in Array(stride(from: 0, through: bytes.count - blockSize, by: blockSize)) + [bytes.count - blockSize]
        {
            found.insert(bytes[start..<start + blockSize].reduce(0) { $0 << 8 | UInt128($1) })
        }
        return found
    }

    /// The text without secrets.
    package func redacted(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard bytes.count >= Self.shortest else { return text }
        var mask = Mask(bytes)
        if !blocks.isEmpty { findBlocks(in: bytes, &mask) }
        for word in words { Self.find(word, in: bytes, &mask) }
        SecretPatterns.find(in: bytes, &mask)
        return mask.isEmpty ? text : String(decoding: mask.covered(with: Self.cover), as: UTF8.self)
    }

    private func findBlocks(in bytes: [UInt8], _ mask: inout Mask) {
        var block: UInt128 = 0
        for (index, byte) in bytes.enumerated() {
            block = block << 8 | UInt128(byte)
            guard index >= Self.blockSize - 1, blocks[block] != nil else { continue }
            mask.hide(index - Self.blockSize + 1..<index + 1)
        }
    }

    private static func find(_ word: [UInt8], in bytes: [UInt8], _ mask: inout Mask) {
        guard bytes.count >= word.count else { return }
        for start in 0...bytes.count - word.count where bytes[start..<start + word.count].elementsEqual(word) {
            mask.hide(start..<start + word.count, wholeRun: false)
        }
    }

    /// Whether a URL contains the byte without an escape.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-_.~".utf8.contains(byte)
        }
    }
}

/// The bytes of a text that must be hidden.
struct Mask {
    let bytes: [UInt8]
    private var isHidden: [Bool] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isEmpty: Bool { isHidden.isEmpty }

    /// Hides a range. With `wholeRun` it also hides the bytes on both sides, up to a delimiter.
    mutating func hide(_ range: Range<Int>, wholeRun: Bool = true) {
        if isHidden.isEmpty { isHidden = Array(repeating: false, count: bytes.count) }
        var (start, end) = (range.lowerBound, range.upperBound)
        if wholeRun {
            while start > 0, !isHidden[start - 1], Mask.isOfRun(bytes[start - 1]) { start -= 1 }
            while end < bytes.count, !isHidden[end], Mask.isOfRun(bytes[end]) { end += 1 }
        }
        for index in start..<end { isHidden[index] = true }
    }

    /// Whether the byte can be a part of a token: base64 of both alphabets, the separator of a JSON Web Token's parts,
    /// percent signs.
    static func isOfRun(_ byte: UInt8) -> Bool { SecretFilter.isUnreserved(byte) || "+/%=".utf8.contains(byte) }

    /// The bytes, with `cover` in place of each hidden range.
    func covered(with cover: [UInt8]) -> [UInt8] {
        var covered: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if !isHidden[index] {
                covered.append(byte)
            } else if index == 0 || !isHidden[index - 1] {
                covered += cover
            }
        }
        return covered
    }
}

/// Patterns that identify an unknown secret.
enum SecretPatterns {
    /// The text before a secret, in lower case, and the minimum length of the secret.
    private static let marks: [(mark: [UInt8], length: Int)] = [
        ("bearer ", 20), ("sig=", 8), ("client_secret=", 1), ("client_assertion=", 1),
    ].map { (Array($0.0.utf8), $0.1) }
    /// The beginning of a JSON Web Token, `{"` in base64, and the minimum length of such tokens.
    private static let token = (start: Array("eyJ".utf8), length: 40)

    static func find(in bytes: [UInt8], _ mask: inout Mask) {
        for index in bytes.indices {
            switch bytes[index] | 0x20 {
            case UInt8(ascii: "b"), UInt8(ascii: "s"), UInt8(ascii: "c"):
                for (mark, length) in marks where starts(bytes, at: index, with: mark) {
                    hideRun(in: bytes, at: index + mark.count, length, &mask)
                }
            case UInt8(ascii: "e") where bytes[index...].starts(with: token.start):
                hideRun(in: bytes, at: index, token.length, &mask)
            default: break
            }
        }
    }

    /// Compares without regard to upper and lower case.
    private static func starts(_ bytes: [UInt8], at index: Int, with mark: [UInt8]) -> Bool {
        guard bytes.count - index >= mark.count else { return false }
        return zip(bytes[index...], mark).allSatisfy { byte, letter in
            byte == letter || letter >= UInt8(ascii: "a") && byte | 0x20 == letter
        }
    }

    private static func hideRun(in bytes: [UInt8], at start: Int, _ length: Int, _ mask: inout Mask) {
        let end = bytes[start...].firstIndex { !Mask.isOfRun($0) } ?? bytes.count
        if end - start >= length { mask.hide(start..<end, wholeRun: false) }
    }
}
