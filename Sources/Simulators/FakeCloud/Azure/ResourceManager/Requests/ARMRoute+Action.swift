extension ARMRoute {
    /// The action of role definitions that a call needs; nil: none.
    func action(_ method: String) -> String? {
        let verb =
            switch method {
            case "PUT", "PATCH": "write"
            case "DELETE": "delete"
            default: "read"
            }
        switch target {
        case .resource(let id): return "\(id.kind.typeName)/\(verb)"
        case .list(let kind): return "\(kind.typeName)/read"
        case .instanceView: return "Microsoft.Compute/virtualMachines/instanceView/read"
        case .action(_, let action): return "Microsoft.Compute/virtualMachines/\(action)/action"
        case .skus: return "Microsoft.Compute/skus/read"
        case .machineSizes: return "Microsoft.Compute/locations/vmSizes/read"
        case .usages(let ofNetwork): return "Microsoft.\(ofNetwork ? "Network" : "Compute")/locations/usages/read"
        case .operation: return nil
        case .fixture(let path): return ARMRoute.action(reading: path)
        }
    }

    /// The action for reading a path; every principal can read its own permissions.
    private static func action(reading path: String) -> String? {
        if path.hasSuffix("/microsoft.authorization/permissions") { return nil }
        let parts = path.split(separator: "/")
        guard let place = parts.lastIndex(of: "providers"), place + 2 < parts.count else {
            return parts.contains("resourcegroups")
                ? "Microsoft.Resources/subscriptions/resourceGroups/read" : "Microsoft.Resources/subscriptions/read"
        }
        // Every second segment is a type: .../virtualNetworks/V/subnets/S.
        let types = stride(from: place + 2, to: parts.count, by: 2).map { parts[$0] }
        return "\(parts[place + 1])/\(types.joined(separator: "/"))/read"
    }
}
