/// A sandbox's id, as kata names it. The id is checked, so that it may become a directory's name.
public struct SandboxID: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes in an id.
    public static let lengthLimit = 128

    /// `[A-Za-z0-9][A-Za-z0-9_.-]*`, at most ``lengthLimit`` bytes.
    public let rawValue: String

    /// The id itself.
    public var description: String { rawValue }

    /// Checks an id from a peer.
    ///
    /// - Throws: ``LifecycleError`` with ``LifecycleError/Code/invalidArgument`` when the id is empty, too long, or has
    ///   a character that a path could misread (`/`, NUL, a leading dot, …).
    public init(validating text: String) throws(LifecycleError) {
        if let fault = Self.fault(in: text) { throw LifecycleError(.invalidArgument, fault) }
        rawValue = text
    }

    private static func fault(in text: String) -> String? {
        guard let first = text.utf8.first else { return "The sandbox id is empty." }
        guard text.utf8.count <= lengthLimit else {
            return "The sandbox id has \(text.utf8.count) bytes; at most \(lengthLimit) are allowed."
        }
        guard isAlphanumeric(first) else { return "A sandbox id begins with a letter or digit." }
        guard text.utf8.allSatisfy({ isAlphanumeric($0) || "_.-".utf8.contains($0) }) else {
            return "A sandbox id has only letters, digits, '_', '.' and '-'."
        }
        return nil
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            false
        }
    }
}
