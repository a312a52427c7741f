internal import COpenSSL
internal import Encoding
internal import LinuxIO
public import Telemetry

/// A public SSH key as one line of `authorized_keys`: `ssh-ed25519 AAAA... peerpod`.
public struct SSHPublicKey: Hashable, Sendable, CustomStringConvertible {
    /// The line, without its end.
    public let description: String

    /// The kinds of keys that Azure accepts for a Linux VM.
    private static let kinds = ["ssh-ed25519", "ssh-rsa"]

    /// The key in the file at `path`, in which `$NAME` and `${NAME}` are environment variables. A file mode that the Go
    /// adaptor does not accept is a warning. An empty path makes a new key without a private key.
    public static func configured(
        at path: String, environment: [String: String], logger: Logger
    ) throws(SSHKeyError) -> SSHPublicKey {
        if path.isEmpty { return try makeWithoutPrivateKey() }
        if let warning = modeWarning(path, environment: environment) { logger.warning(warning) }
        return try read(path, environment: environment)
    }

    /// Makes a new Ed25519 key, and discards the private key.
    ///
    /// Clouds require a key even if no login is needed.
    static func makeWithoutPrivateKey(comment: String = "peerpod") throws(SSHKeyError) -> SSHPublicKey {
        guard let key = unsafe copenssl_make_ed25519_key() else {
            throw SSHKeyError("cannot make an SSH key: \(OpenSSLError.last("Ed25519").reason)")
        }
        defer { unsafe EVP_PKEY_free(key) }
        var raw = [UInt8](repeating: 0, count: 32)
        var length = raw.count
        guard unsafe EVP_PKEY_get_raw_public_key(key, &raw, &length) == 1, length == raw.count else {
            throw SSHKeyError("cannot make an SSH key: \(OpenSSLError.last("Ed25519").reason)")
        }
        let blob = field(Array(kinds[0].utf8)) + field(raw)
        return SSHPublicKey(line: "\(kinds[0]) \(Base64.encode(blob)) \(comment)")
    }

    /// The key in `text`, the content of a `.pub` file. The error names the file `name`.
    public init(parsing text: String, from name: String) throws(SSHKeyError) {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }
        guard let line = lines.first else { throw SSHKeyError("\(name) is empty: write a public SSH key into it") }
        if text.contains("-----BEGIN") {
            throw SSHKeyError("\(name) is a private key or a certificate: give the public key, NAME.pub")
        }
        guard lines.count == 1 else { throw SSHKeyError("\(name) has \(lines.count) lines: give one key, on one line") }
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count >= 2, Self.kinds.contains(String(words[0])) else {
            let kinds = Self.kinds.joined(separator: " or ")
            throw SSHKeyError("\(name) does not begin with \(kinds) and a key: Azure takes no other kind")
        }
        // The binary key begins with the name of its kind.
        let kind = Self.field(Array(words[0].utf8))
        guard let blob = Self.decoded(words[1]), blob.starts(with: kind), blob.count > kind.count else {
            throw SSHKeyError("\(name): the text after \(words[0]) is not such a key: check that the line is complete")
        }
        self.init(line: words.joined(separator: " "))
    }

    private init(line: String) { description = line }

    /// The key in the file at `path`, in which `$NAME` and `${NAME}` are environment variables.
    static func read(_ path: String, environment: [String: String]) throws(SSHKeyError) -> SSHPublicKey {
        let expanded = expand(path, environment)
        let bytes: [UInt8]
        do {
            bytes = try DurableFile.read(expanded, limit: 64 << 10)
        } catch {
            throw SSHKeyError("cannot read the public SSH key: \(error)")
        }
        return try SSHPublicKey(parsing: String(decoding: bytes, as: UTF8.self), from: expanded)
    }

    /// The fault in the file's mode, as a clause; nil if there is none.
    ///
    /// The Go adaptor requires exactly 0600. All users may read a public key, but a user who can write it can log in.
    static func modeWarning(_ path: String, environment: [String: String]) -> String? {
        let expanded = expand(path, environment)
        guard let mode = Files.permissions(expanded), mode != 0o600 else { return nil }
        return "\(expanded) has mode 0\(String(mode, radix: 8)), not 0600"
    }

    /// Replaces environment variables in `text` like Go's `os.ExpandEnv`. An unset variable is empty.
    static func expand(_ text: String, _ environment: [String: String]) -> String {
        var (result, rest) = ("", Substring(text))
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            let isBraced = rest.hasPrefix("{")
            let name = (isBraced ? rest.dropFirst() : rest).prefix { isBraced ? $0 != "}" : $0.isVariable }
            rest = rest[name.endIndex...]
            if isBraced { rest = rest.dropFirst() }
            result += name.isEmpty ? (isBraced ? "" : "$") : environment[String(name)] ?? ""
        }
        return result + rest
    }

    /// SSH's type `string`: the length in four bytes, big-endian, and the bytes (RFC 4251, 5).
    private static func field(_ bytes: [UInt8]) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) } + bytes
    }

    private static func decoded(_ text: Substring) -> [UInt8]? {
        text.utf8.count <= 64 << 10 ? Base64.decode(text.utf8) : nil
    }
}

/// The reason why there is no SSH key: a sentence with the file and the remedy.
public struct SSHKeyError: Error, Hashable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}

extension Character {
    fileprivate var isVariable: Bool { self == "_" || (isASCII && (isLetter || isNumber)) }
}
