internal import Encoding

/// What the workload's owner gives the guest to be measured: a TOML text, packed as base64(gzip(TOML)).
///
/// Its digest is over the exact bytes of the text, so they are carried and never rewritten.
public struct Initdata: Equatable, Sendable {
    /// The TOML text, as it was written.
    public let text: [UInt8]

    /// The longest text, in bytes. Unpacking stops there, so that a small annotation cannot fill the memory.
    public static let sizeLimit = 1 << 20

    /// The text as kata's shim hands it over, unpacked. Throws ``BootError`` if it is not text or too long.
    public init(text: [UInt8]) throws(BootError) {
        guard text.count <= Self.sizeLimit else { throw Self.tooLarge }
        guard !text.isEmpty, !text.contains(0), String(validating: text, as: UTF8.self) != nil else {
            throw Self.malformed("it is not TOML text")
        }
        self.text = text
    }

    /// The text out of base64(gzip(TOML)), as annotations and flags have it.
    ///
    /// Throws ``BootError`` if it is not packed so, or if there is more in it than ``sizeLimit``.
    public init(packed: String) throws(BootError) {
        guard packed.utf8.count <= Base64.length(of: Self.sizeLimit) else { throw Self.tooLarge }
        guard let bytes = Base64.decode(packed.utf8, skipsLineBreaks: true) else {
            throw Self.malformed("not valid base64")
        }
        let text: [UInt8]
        do throws(Gzip.Failure) {
            text = try Gzip.decompress(bytes, limit: Self.sizeLimit)
        } catch {
            throw error == .tooLarge ? Self.tooLarge : Self.malformed("it is not gzip data, or it is truncated")
        }
        try self.init(text: text)
    }

    /// base64(gzip(TOML)), without line breaks; the same text always gives the same.
    public var packed: String { Base64.encode(Gzip.compress(text)) }

    private static let tooLarge = BootError(
        .tooLarge, "initdata", "more than \(sizeLimit) bytes", advice: "make the policy in it shorter")

    private static func malformed(_ reason: String) -> BootError {
        BootError(.malformed, "initdata", reason, advice: "make it with: gzip -c initdata.toml | base64 -w0")
    }
}
