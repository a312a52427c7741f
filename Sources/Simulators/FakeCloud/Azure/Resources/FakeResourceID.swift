/// The kinds of resources that a fake Azure creates.
enum FakeResourceKind: String, CaseIterable, Sendable {
    case machine = "virtualMachines"
    case disk = "disks"
    case interface = "networkInterfaces"
    case publicAddress = "publicIPAddresses"

    /// The namespace of the resource provider.
    var provider: String {
        switch self {
        case .machine, .disk: "Microsoft.Compute"
        case .interface, .publicAddress: "Microsoft.Network"
        }
    }

    /// The type as ARM writes it: `Microsoft.Compute/virtualMachines`.
    var typeName: String { "\(provider)/\(rawValue)" }

    /// The kind with this type name; the case does not matter.
    init?(provider: String, type: String) {
        let wanted = "\(provider)/\(type)".lowercased()
        guard let kind = FakeResourceKind.allCases.first(where: { $0.typeName.lowercased() == wanted }) else {
            return nil
        }
        self = kind
    }
}

/// The id of a resource of the subscription. Ids that differ only in case are equal.
struct FakeResourceID: Hashable, Sendable {
    let kind: FakeResourceKind
    let group: String
    let name: String
    private let key: String

    init(_ kind: FakeResourceKind, group: String, name: String) {
        self.kind = kind
        self.group = group
        self.name = name
        key = "\(kind.rawValue)/\(group)/\(name)".lowercased()
    }

    static func == (left: FakeResourceID, right: FakeResourceID) -> Bool { left.key == right.key }

    func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// The ARM id.
    func path(in subscription: String) -> String {
        "/subscriptions/\(subscription)/resourceGroups/\(group)/providers/\(kind.typeName)/\(name)"
    }

    /// Parses an ARM id; nil if its kind is not a ``FakeResourceKind``.
    init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 9, parts[0].isEmpty, parts[1].lowercased() == "subscriptions",
            parts[3].lowercased() == "resourcegroups", parts[5].lowercased() == "providers",
            let kind = FakeResourceKind(provider: parts[6], type: parts[7]), !parts[8].isEmpty
        else { return nil }
        self.init(kind, group: parts[4], name: parts[8])
    }
}
