internal import Encoding

/// The workload owner's data that the guest measures: a TOML text, packed as base64(gzip(TOML)).
///
/// The digest covers the exact bytes of the text, so the adaptor never changes the text.
public struct Initdata: Equatable, Sendable {
    /// The TOML text, unchanged.
    public let text: [UInt8]

    /// The limit of the text, in bytes. Unpacking stops there, so a small annotation cannot exhaust the memory.
    public static let sizeLimit = 1 << 20

    /// Takes the unpacked text from kata's shim. Throws ``BootError`` if it is not text, or is too long.
    public init(text: [UInt8]) throws(BootError) {
        guard text.count <= Self.sizeLimit else { throw Self.tooLarge }
        guard !text.isEmpty, !text.contains(0), String(validating: text, as: UTF8.self) != nil else {
            throw Self.malformed("it is not TOML text")
        }
        self.text = text
    }

    /// Unpacks base64(gzip(TOML)) of an annotation or a flag.
    ///
    /// Throws ``BootError`` if the format is wrong, or if the text is longer than ``sizeLimit``.
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

    /// The text as base64(gzip(TOML)), without line breaks. The same text always gives the same result.
    public var packed: String { Base64.encode(Gzip.compress(text)) }

    private static let tooLarge = BootError(
        .tooLarge, "initdata", "more than \(sizeLimit) bytes", advice: "make the policy in it shorter")

    private static func malformed(_ reason: String) -> BootError {
        BootError(.malformed, "initdata", reason, advice: "make it with: gzip -c initdata.toml | base64 -w0")
    }
}
