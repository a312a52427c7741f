/// The calls of a fake Azure, with their names in scenarios.
package enum AzureCall: String, CaseIterable, Sendable {
    case token
    case openID = "openid"
    case identityToken = "identity-token"
    case metadata
    case userData = "user-data"
    case machinePut = "vm-put"
    case machinePatch = "vm-patch"
    case machineGet = "vm-get"
    case machineDelete = "vm-delete"
    case machineList = "vm-list"
    case instanceView = "vm-instance-view"
    case bootDiagnostics = "vm-boot-diagnostics"
    case operationGet = "operation-get"
    case interfaceGet = "nic-get"
    case interfaceList = "nic-list"
    case interfaceDelete = "nic-delete"
    case publicAddressGet = "ip-get"
    case publicAddressList = "ip-list"
    case publicAddressDelete = "ip-delete"
    case diskGet = "disk-get"
    case diskList = "disk-list"
    case diskDelete = "disk-delete"
    case diskPut = "disk-put"
    case skus
    case machineSizes = "vm-sizes"
    case usages
    /// Read-only resources: subscription, group, permissions, network, images.
    case fixture = "read"
    case unknown

    /// The kind of ARM's buckets that the call counts against.
    var kind: Kind {
        switch self {
        case .machinePut, .machinePatch, .diskPut: .write
        case .machineDelete, .interfaceDelete, .publicAddressDelete, .diskDelete: .delete
        default: .read
        }
    }

    /// The kinds of ARM's buckets.
    enum Kind: String, Sendable { case read = "reads", write = "writes", delete = "deletes" }

    static func get(_ kind: FakeResourceKind) -> AzureCall {
        switch kind {
        case .machine: .machineGet
        case .interface: .interfaceGet
        case .publicAddress: .publicAddressGet
        case .disk: .diskGet
        }
    }

    static func list(_ kind: FakeResourceKind) -> AzureCall {
        switch kind {
        case .machine: .machineList
        case .interface: .interfaceList
        case .publicAddress: .publicAddressList
        case .disk: .diskList
        }
    }

    static func delete(_ kind: FakeResourceKind) -> AzureCall {
        switch kind {
        case .machine: .machineDelete
        case .interface: .interfaceDelete
        case .publicAddress: .publicAddressDelete
        case .disk: .diskDelete
        }
    }
}
