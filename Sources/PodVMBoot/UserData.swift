internal import Encoding

/// User data, which a cloud passes to a booting VM: a ``CloudConfig`` in base64, at most 64 KiB.
public struct UserData: Sendable {
    /// The longest user data that Azure accepts, in base64 characters.
    public static let limit = 65_536

    /// The forwarder's configuration.
    public var document: BootDocument
    /// auth.json, if there are credentials for image registries.
    public var registryCredentials: [UInt8]?
    /// The workload owner's data to measure.
    public var initdata: Initdata?
    /// Whether the guest sets up scratch space.
    public var wantsScratchSpace = false

    /// Makes user data with only a document.
    public init(_ document: BootDocument) { self.document = document }

    /// The files that the guest writes.
    public var cloudConfig: CloudConfig {
        var contents: [(GuestFile, String)] = [(.bootDocument, String(decoding: document.encoded, as: UTF8.self))]
        if let registryCredentials {
            contents.append((.registryCredentials, String(decoding: registryCredentials, as: UTF8.self)))
        }
        if let initdata { contents.append((.initdata, initdata.packed)) }
        if wantsScratchSpace { contents.append((.scratchSpace, "")) }
        return CloudConfig(files: contents.map { CloudConfig.File(path: $0.path, content: $1) })
    }

    /// The text for the cloud, in base64.
    ///
    /// Throws ``BootError`` (`too large`) with the size of each part if the text is longer than ``limit``, and the
    /// errors of ``CloudConfig/encoded()``.
    public func encoded() throws(BootError) -> String {
        let config = cloudConfig
        let text = try config.encoded()
        guard Base64.length(of: text.count) <= Self.limit else { throw Self.tooLarge(text, of: config) }
        return Base64.encode(text)
    }

    /// Reads user data: base64 from the cloud, or plain text from a disk.
    public static func cloudConfig(in bytes: [UInt8]) throws(BootError) -> CloudConfig {
        if bytes.starts(with: CloudConfig.firstLine.utf8) { return try CloudConfig(parsing: bytes) }
        guard bytes.count <= CloudConfig.sizeLimit, let text = Base64.decode(bytes, skipsLineBreaks: true) else {
            throw BootError(
                .malformed, "user data", "it is neither a cloud-config nor a base64-encoded cloud-config",
                advice: "check that a cloud-api-adaptor has made the VM")
        }
        return try CloudConfig(parsing: text)
    }

    private static func tooLarge(_ text: [UInt8], of config: CloudConfig) -> BootError {
        let parts = config.files.map {
            (name: GuestFile(path: $0.path)?.rawValue ?? $0.path, size: $0.content.utf8.count)
        }
        .sorted { $0.size > $1.size }
        let biggest = parts.first?.name ?? ""
        let sizes = parts.map { "\($0.name) \($0.size)" }.joined(separator: ", ")
        let advice =
            switch GuestFile(rawValue: biggest) {
            case .initdata: "make the initdata smaller: a shorter policy, or the policy by reference"
            case .registryCredentials: "give the pod fewer image pull secrets"
            default: "give the pod fewer routes and neighbours"
            }
        return BootError(
            .tooLarge, "user data",
            "\(Base64.length(of: text.count)) characters in base64, \(Base64.length(of: text.count) - limit) more than"
                + " the cloud's limit of \(limit); the largest part is \(biggest) (bytes: \(sizes))",
            advice: advice)
    }
}
