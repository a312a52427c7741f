internal import TTRPC
internal import Telemetry

/// A reference to an image that is safe as an argument of a program; skopeo decides whether it is valid.
struct ContainerImageReference: Equatable, Sendable, CustomStringConvertible {
    private static let lengthLimit = 512

    /// The reference. With a digest it has no tag, because skopeo refuses both together and the digest decides.
    let description: String
    /// The host and port of the registry.
    let registry: String

    /// - Throws: a status for a text that cannot be a reference.
    init(_ text: String) throws(Status) {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "@"), UInt8(ascii: "["), UInt8(ascii: "]"):
                true
            default: false
            }
        }
        guard isPlain, 1...Self.lengthLimit ~= text.utf8.count, text.first != "/", text.first != "-" else {
            throw Status(
                .invalidArgument,
                "\"\(String(text.prefix(Self.lengthLimit)).printable())\" is not a reference to an image")
        }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.first, !name.isEmpty else {
            throw Status(.invalidArgument, "\"\(text)\" is not a reference to an image")
        }
        if parts.count == 2 {
            let last = name.lastIndex(of: "/") ?? name.startIndex
            let tag = name[last...].firstIndex(of: ":") ?? name.endIndex
            description = "\(name[..<tag])@\(parts[1])"
        } else {
            description = text
        }
        let first = String(name.prefix { $0 != "/" })
        let isHost = first == "localhost" || first.contains(".") || first.contains(":")
        registry = name.contains("/") && isHost ? first : "docker.io"
    }

    /// Whether the registry is on this machine, where TLS protects nothing.
    var isLocal: Bool {
        registry == "localhost" || ["localhost:", "127.", "[::1]"].contains { registry.hasPrefix($0) }
    }
}
