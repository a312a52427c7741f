internal import JSON
internal import PodVMLifecycle

/// An interface, a disk or a public address, as far as it matters whether it belongs to a VM.
struct VMPart: Sendable {
    let kind: ResourceKind
    /// ARM's id.
    let id: String
    let name: String
    let tags: [String: String]
    /// The name of the VM that it is attached to.
    let machine: String?
    /// The id of the interface that has it, for a public address.
    let holder: String?
    /// Another owner, such as a NAT gateway or a private endpoint.
    let hasOtherOwner: Bool
    /// Seconds since 1970.
    let created: Int64?

    init(_ node: JSONNode, _ kind: ResourceKind) throws(JSONError) {
        self.kind = kind
        name = try node.resourceName("name")
        let id = try node.string("id")
        guard let parsed = ResourceID(id), parsed.isOf("\(kind.provider)/\(kind.type)"),
            parsed.name.lowercased() == name.lowercased()
        else { throw JSONError(path: node.path(of: "id"), "is not the id of this \(kind.word)") }
        self.id = id
        var tags: [String: String] = [:]
        for (key, value) in try node.optionalObject("tags")?.members.entries ?? [] { tags[key] = value.stringValue }
        self.tags = tags
        let properties = try node.optionalObject("properties")
        created = try properties?.optionalString("timeCreated").flatMap(AzureTime.seconds)
        machine = try Self.machine(node, properties, kind)
        holder = try properties?.optionalObject("ipConfiguration")?.optionalString("id").map(
            Self.interface(ofConfiguration:))
        let (endpoint, gateway) = (
            try properties?.optionalObject("privateEndpoint"), try properties?.optionalObject("natGateway")
        )
        hasOtherOwner = endpoint != nil || gateway != nil
    }

    /// The VM that has the resource, or any text that says that it has an owner.
    private static func machine(
        _ node: JSONNode, _ properties: JSONNode?, _ kind: ResourceKind
    ) throws(JSONError) -> String? {
        switch kind {
        case .interface: try properties?.optionalObject("virtualMachine")?.optionalString("id")
        case .disk: try node.optionalString("managedBy")
        case .vm, .publicAddress: nil
        }
    }

    /// The interface of an address configuration: `…/networkInterfaces/NAME/ipConfigurations/NAME`.
    private static func interface(ofConfiguration id: String) -> String {
        ResourceID(id)?.parent?.description ?? id
    }

    /// Whether nothing has it.
    var isFree: Bool { machine == nil && holder == nil && !hasOtherOwner }

    /// Whether nothing has it but an interface that is free itself.
    func isFree(withoutHolders free: Set<String>) -> Bool {
        machine == nil && !hasOtherOwner && (holder.map { free.contains($0.lowercased()) } ?? true)
    }

    /// The resource for the lifecycle; nil for a VM.
    var leftover: Leftover? {
        let kind: Leftover.Kind
        switch self.kind {
        case .interface: kind = .interface
        case .disk: kind = .disk
        case .publicAddress: kind = .address
        case .vm: return nil
        }
        return Leftover(kind: kind, id: id, name: name, tags: tags, created: created)
    }
}

extension ResourceKind {
    init(_ kind: Leftover.Kind) {
        self =
            switch kind {
            case .interface: .interface
            case .disk: .disk
            case .address: .publicAddress
            }
    }
}
