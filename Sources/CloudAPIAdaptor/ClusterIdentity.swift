internal import Configuration
internal import LinuxIO
internal import TLS

/// The cluster that this node's VMs belong to, as every VM's tags have it.
///
/// Two clusters may share a resource group and have nodes of the same name. Only the identity then tells their VMs apart,
/// so it is never empty.
struct ClusterIdentity: Equatable, Sendable {
    /// Where an identity comes from.
    enum Source: String, Sendable {
        case configuration = "-cluster-id"
        case machineID = "hash of the machine id"
    }

    /// What the VMs' tag says.
    let value: String
    let source: Source

    /// The longest identity, in bytes: half of what a tag's value may have in Azure.
    static let lengthLimit = 128
    /// The hash is for this purpose alone, as machine-id(5) demands: the id itself must not leave the machine.
    /// `systemd-id128 machine-id --app-specific=7e0a5b8f3c1d4c6e9b2f60d1a4e7c385` shows the same identity.
    private static let applicationID: [UInt8] = [
        0x7e, 0x0a, 0x5b, 0x8f, 0x3c, 0x1d, 0x4c, 0x6e, 0x9b, 0x2f, 0x60, 0xd1, 0xa4, 0xe7, 0xc3, 0x85,
    ]

    /// The identity that is configured, or else one made of the machine id.
    ///
    /// The hash is not the same on two nodes. That is enough to find VMs again: a node only ever looks for its own.
    /// - Throws: ``ConfigurationError`` when the configured identity cannot be used, or there is neither.
    init(configured: String, machineIDFile: String = "/etc/machine-id") throws(ConfigurationError) {
        if configured.isEmpty {
            value = try Self.hash(ofMachineIDIn: machineIDFile)
            source = .machineID
            return
        }
        guard configured.utf8.count <= Self.lengthLimit, configured.utf8.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw ConfigurationError(
                "-cluster-id (CLUSTER_ID): it takes 1 to \(Self.lengthLimit) printable ASCII characters without spaces, "
                    + "such as the UID of the namespace kube-system")
        }
        value = configured
        source = .configuration
    }

    private static func hash(ofMachineIDIn path: String) throws(ConfigurationError) -> String {
        func refuse(_ reason: String) -> ConfigurationError {
            ConfigurationError(
                "-cluster-id (CLUSTER_ID) is not set, and the machine id cannot take its place: \(reason). Set -cluster-id "
                    + "to a value that no other cluster has, such as the UID of the namespace kube-system")
        }
        var hash: [UInt8]
        do {
            let text = String(decoding: try DurableFile.read(path, limit: 1024), as: UTF8.self)
            guard let machineID = machineID(in: text) else {
                throw refuse("\(path) does not hold 32 hexadecimal digits")
            }
            hash = Array(try KeyedHash.ofSHA256(applicationID, key: machineID).prefix(16))
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw refuse("\(error)")
        }
        // As sd_id128_get_machine_app_specific(3) does: a UUID of version 4.
        hash[6] = hash[6] & 0x0f | 0x40
        hash[8] = hash[8] & 0x3f | 0x80
        return hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The sixteen bytes of a machine id; nil for anything else, such as `uninitialized`, or an id of zeros only.
    private static func machineID(in text: String) -> [UInt8]? {
        let digits = Array(text.trimmed.utf8)
        guard digits.count == 32 else { return nil }
        let bytes = stride(from: 0, to: 32, by: 2).compactMap { start in
            digits[start..<start + 2].allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
                ? UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16) : nil
        }
        return bytes.count == 16 && bytes.contains { $0 != 0 } ? bytes : nil
    }
}
