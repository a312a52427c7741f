internal import JSON
internal import PodVMLifecycle

/// The part of ARM's description of a VM that the provider reads.
struct VirtualMachine: Sendable {
    let name: String
    let tags: [String: String]
    let provisioning: ProvisioningState
    /// Whether the VM is in the state `Deleting`, one of the many states that are not final.
    let isBeingDeleted: Bool
    /// ARM's `vmId`, which no later VM of this name has.
    let vmID: String?
    /// Azure's name of its size.
    let size: String?
    /// The time of its creation, in seconds since 1970.
    let created: Int64?
    /// The ids of its network interfaces; empty while there are none.
    let interfaces: [String]
    /// Why the VM failed, if the answer has its instance view.
    let fault: (code: String, message: String)?
    /// Whether the VM is switched on, if the answer has its instance view.
    let power: PowerState?

    init(_ node: JSONNode) throws(JSONError) {
        name = try node.resourceName("name")
        var tags: [String: String] = [:]
        for (key, value) in try node.optionalObject("tags")?.members.entries ?? [] { tags[key] = value.stringValue }
        self.tags = tags
        let properties = try node.optionalObject("properties")
        let state = try properties?.optionalString("provisioningState") ?? "Succeeded"
        provisioning = ProvisioningState(state)
        isBeingDeleted = state.lowercased() == "deleting"
        vmID = try properties?.optionalString("vmId").flatMap(Self.word)
        size = try properties?.optionalObject("hardwareProfile")?.optionalString("vmSize").flatMap(Self.word)
        created = try properties?.optionalString("timeCreated").flatMap(AzureTime.seconds)
        var interfaces: [String] = []
        for interface in try properties?.optionalObject("networkProfile")?.optionalObjects("networkInterfaces") ?? [] {
            if let id = try interface.optionalString("id") { interfaces.append(id) }
        }
        self.interfaces = interfaces
        let statuses = try properties?.optionalObject("instanceView")?.optionalObjects("statuses") ?? []
        fault = try Self.fault(statuses)
        power = try PowerState(statuses)
    }

    /// A word that can be used unchanged in records and logs; nil if it is not one.
    private static func word(_ text: String) -> String? {
        ResourceID.isName(text) && text.utf8.count <= 80 ? text : nil
    }

    /// The status `ProvisioningState/failed/<code>` of an instance view.
    private static func fault(_ statuses: [JSONNode]) throws(JSONError) -> (code: String, message: String)? {
        for status in statuses {
            let code = try status.optionalString("code") ?? ""
            let parts = code.split(separator: "/")
            guard parts.count >= 2, parts[0].lowercased() == "provisioningstate", parts[1].lowercased() == "failed"
            else {
                continue
            }
            let message = try status.optionalString("message")
            let display = try status.optionalString("displayStatus")
            return (
                parts.count > 2 ? LogText.sanitized(parts[2], limit: 200) : "",
                LogText.sanitized(message ?? display ?? "")
            )
        }
        return nil
    }

    /// Whether the VM was created for that sandbox. Only its tags show that.
    func belongs(to sandbox: SandboxID) -> Bool { tags[InstanceTags.sandbox] == sandbox.rawValue }

    /// The name of the VM's only interface, which is the last part of an id.
    var interfaceName: String? { interfaces.first.flatMap(ResourceID.nameLast) }

    /// The sandbox that its tags name, as text for a log line.
    var owner: String? { tags[InstanceTags.sandbox].map { LogText.sanitized($0, limit: SandboxID.lengthLimit) } }
}

/// The part of ARM's description of a network interface that the provider reads.
struct AzureNetworkInterface: Sendable {
    /// The primary configuration's address, once there is one.
    let privateAddress: String?
    /// The name of its public address, if it has one.
    let publicAddress: String?
    /// The name of the VM that it is attached to.
    let vm: String?

    init(_ node: JSONNode) throws(JSONError) {
        let properties = try node.optionalObject("properties")
        vm = try properties?.optionalObject("virtualMachine")?.optionalString("id").flatMap(ResourceID.nameLast)
        var primary: JSONNode?
        for configuration in try properties?.optionalObjects("ipConfigurations") ?? [] {
            guard let details = try configuration.optionalObject("properties") else { continue }
            let isPrimary = try details.optionalBool("primary") ?? false
            if primary == nil || isPrimary { primary = details }
            if isPrimary { break }
        }
        privateAddress = try Self.address(primary?.optionalString("privateIPAddress"))
        publicAddress = try primary?.optionalObject("publicIPAddress")?.optionalString("id").flatMap {
            ResourceID.nameLast($0)
        }
    }

    /// Returns an address; nil if the text says that there is none yet.
    static func address(_ text: String?) -> String? {
        guard let text, 1...64 ~= text.utf8.count, text != "0.0.0.0", text != "::" else { return nil }
        let isNumeric = text.utf8.allSatisfy {
            "0123456789.:abcdefABCDEF".utf8.contains($0)
        }
        return isNumeric ? text : nil
    }
}

extension ResourceID {
    /// The longest name of a resource of Azure.
    private static let nameLimit = 260

    /// The last name in an id, if it is a valid name.
    static func nameLast(_ id: String) -> String? {
        ResourceID(id).flatMap { $0.name.utf8.count <= nameLimit ? $0.name : nil }
    }

    fileprivate static func isUsable(_ name: String) -> Bool { isName(name) && name.utf8.count <= nameLimit }
}

extension JSONNode {
    /// A member that is a resource's name, and so can be used unchanged in paths and logs.
    func resourceName(_ key: String) throws(JSONError) -> String {
        let name = try string(key)
        guard ResourceID.isUsable(name) else { throw JSONError(path: path(of: key), "is not a resource's name") }
        return name
    }
}

/// The power state of a VM, from a status of its instance view such as `PowerState/running`.
enum PowerState: Equatable, Sendable {
    /// Running, or starting: `starting`, `running`, and any other state.
    case on
    /// Changing to `stopped`.
    case stopping
    /// Switched off, by its guest or by an operator; Azure keeps its capacity.
    case stopped
    /// Deallocated, or being deallocated: by an operator, a policy or an eviction.
    case deallocated

    /// Nil if no status of the instance view has a power state.
    init?(_ statuses: [JSONNode]) throws(JSONError) {
        for status in statuses {
            let parts = try status.optionalString("code")?.lowercased().split(separator: "/") ?? []
            guard parts.count == 2, parts[0] == "powerstate" else { continue }
            self =
                switch parts[1] {
                case "stopping": .stopping
                case "stopped": .stopped
                case "deallocating", "deallocated": .deallocated
                default: .on
                }
            return
        }
        return nil
    }
}
