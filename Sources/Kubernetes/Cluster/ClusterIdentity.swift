internal import Configuration
internal import Encoding
internal import LinuxIO
internal import TLS

/// The identity of this node's cluster, as it is in the tags of every VM.
///
/// Two clusters may share a resource group and have nodes of the same name. Then only the identity distinguishes their VMs, so
/// it is never empty.
package struct ClusterIdentity: Equatable, Sendable {
    /// The origin of an identity.
    package enum Source: String, Sendable {
        case configuration = "-cluster-id"
        case kubeSystem = "UID of the namespace kube-system"
        case machineID = "hash of the machine id"
    }

    /// The value of the VMs' tag.
    package let value: String
    /// The origin of ``value``.
    package let source: Source

    /// An identity that is valid.
    init(_ value: String, from source: Source) {
        self.value = value
        self.source = source
    }

    /// Whether `text` can be an identity.
    public static func isValid(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= lengthLimit && text.utf8.allSatisfy { 0x21...0x7e ~= $0 }
    }

    /// The largest length of an identity, in bytes: half the limit of a tag's value in Azure.
    static let lengthLimit = 128
    /// The key of the hash. machine-id(5) requires one, because the machine id itself must not leave the machine.
    /// `systemd-id128 machine-id --app-specific=7e0a5b8f3c1d4c6e9b2f60d1a4e7c385` shows the same identity.
    private static let applicationID: [UInt8] = [
        0x7e, 0x0a, 0x5b, 0x8f, 0x3c, 0x1d, 0x4c, 0x6e, 0x9b, 0x2f, 0x60, 0xd1, 0xa4, 0xe7, 0xc3, 0x85,
    ]

    /// The configured identity, or else a hash of the machine id.
    ///
    /// The hash differs from node to node. That is enough, because a node looks only for its own VMs.
    /// - Throws: ``ConfigurationError`` when the configured identity is not valid, or when there is neither it nor a machine id.
    init(configured: String, machineIDFile: String = "/etc/machine-id") throws(ConfigurationError) {
        if configured.isEmpty {
            value = try Self.hash(ofMachineIDIn: machineIDFile)
            source = .machineID
            return
        }
        guard Self.isValid(configured) else {
            throw ConfigurationError(
                "-cluster-id (CLUSTER_ID): the value must have 1 to \(Self.lengthLimit) printable ASCII characters without spaces, "
                    + "such as the UID of the namespace kube-system")
        }
        value = configured
        source = .configuration
    }

    private static func hash(ofMachineIDIn path: String) throws(ConfigurationError) -> String {
        func refuse(_ reason: String) -> ConfigurationError {
            ConfigurationError(
                "-cluster-id (CLUSTER_ID) is not set, and the machine id cannot be used instead: \(reason). Set -cluster-id "
                    + "to a value that no other cluster has, such as the UID of the namespace kube-system")
        }
        let hash: [UInt8]
        do {
            let text = String(decoding: try DurableFile.read(path, limit: 1024), as: UTF8.self)
            guard let machineID = MachineID.parse(text) else {
                throw refuse("\(path) does not hold 32 hexadecimal digits")
            }
            hash = Array(try KeyedHash.ofSHA256(applicationID, key: machineID).prefix(16))
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw refuse("\(error)")
        }
        // A UUID of version 4, as sd_id128_get_machine_app_specific(3) makes it.
        return Hexadecimal.encode(UUID4.marked(hash))
    }
}
