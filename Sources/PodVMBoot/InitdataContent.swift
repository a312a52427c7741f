public import TLS
internal import TextFormats

/// What an ``Initdata`` says: the algorithm of its digest, and files for the guest.
public struct InitdataContent: Sendable {
    /// A file for the guest.
    public struct File: Equatable, Sendable {
        /// The name, such as `policy.rego`.
        public let name: String
        /// The content.
        public let content: String
    }

    /// The algorithm of the digest.
    public let algorithm: HashFunction
    /// The files, in the order of the text.
    public let files: [File]
    private let text: [UInt8]

    /// The only version that is known.
    public static let version = "0.1.0"

    /// Reads initdata: the keys `algorithm`, `version` and the table `data`, whose values are strings.
    ///
    /// - Throws: ``BootError`` when the text is not such a document, has an unknown key, another version or another
    ///   algorithm, or uses a form of TOML that this reader does not know. Two readers that understand a document differently
    ///   would be a way around the measurement.
    public init(_ initdata: Initdata) throws(BootError) {
        let document: TOMLDocument
        do throws(TextFormatError) {
            document = try TOMLDocument(initdata.text)
        } catch {
            throw Self.malformed("line \(error.line): \(error.reason)")
        }
        for key in document.values.keys.sorted() where key != "algorithm" && key != "version" {
            throw Self.malformed("it has the unknown key \"\(key.prefix(64))\"")
        }
        for table in document.tables.map(\.name) where table != "data" {
            throw Self.malformed("it has the unknown table \"\(table.prefix(64))\"")
        }
        guard let version = document.values["version"] else { throw Self.malformed("it has no version") }
        guard version == Self.version else {
            throw Self.malformed("its version is \"\(version.prefix(16))\", and only \(Self.version) is known")
        }
        guard let name = document.values["algorithm"] else { throw Self.malformed("it has no algorithm") }
        guard let algorithm = HashFunction(rawValue: name) else {
            throw Self.malformed("its algorithm is \"\(name.prefix(16))\" instead of sha256, sha384 or sha512")
        }
        guard let data = document.tables.first else { throw Self.malformed("it has no table data") }
        self.algorithm = algorithm
        files = data.entries.map { File(name: $0.key, content: $0.value) }
        text = initdata.text
    }

    /// The digest of the exact text.
    ///
    /// - Throws: ``TLSError`` from OpenSSL.
    public func digest() throws(TLSError) -> [UInt8] { try algorithm.hash(of: text) }

    private static func malformed(_ reason: String) -> BootError {
        BootError(.malformed, "initdata", reason, advice: "correct the TOML text from which the initdata is made")
    }
}
