internal import JSON
internal import Telemetry

/// The origin of a resource or of its last change.
package struct RequestOrigin: Equatable, Sendable {
    /// The client id of the application or managed identity.
    package var principal: String
    /// The client's id of its request.
    package var clientRequestID: String

    /// `principal` is the account that created it; `clientRequestID` is the id of the request.
    package init(principal: String, clientRequestID: String) {
        self.principal = principal
        self.clientRequestID = clientRequestID
    }
}

/// The outcome that a scenario sets for the creation of a VM.
enum ProvisioningOutcome: Equatable, Sendable {
    case success
    /// The operation fails with this error.
    case failure(FakeARMFault)
    /// The operation succeeds, and there is no VM.
    case nothing
    /// The interface gets no address, and the machine is not powered on.
    case noAddress
}

/// A VM as ARM knows it.
struct FakeVirtualMachine: Sendable {
    enum State: Equatable, Sendable {
        case creating, updating, succeeded, deleting
        case failed(FakeARMFault)

        /// ARM's `provisioningState`.
        var text: String {
            switch self {
            case .creating: "Creating"
            case .updating: "Updating"
            case .succeeded: "Succeeded"
            case .deleting: "Deleting"
            case .failed: "Failed"
            }
        }
    }

    let id: FakeResourceID
    /// A unique id: two VMs with the same name, one after the other, have different ids.
    let vmID: String
    /// The token in the URL of its guest's metadata service.
    let metadataToken: String
    /// The body of the PUT that created it, as received.
    var sent: JSONValue
    var body: MachineBody
    var state = State.creating
    /// Incremented with each change.
    var etag = 1
    let made: WallTime
    /// The time of its last change of state.
    var since: WallTime
    var origin: RequestOrigin
    /// The long-running operation in progress, or the last one.
    var operation: String
    var outcome = ProvisioningOutcome.success
    var guestFault = GuestFault.none
    var guestLife = Duration.seconds(5)
    /// Whether it uses capacity in its zone.
    var isPlaced = true
    var disk: FakeResourceID
    /// Whether the disk exists.
    var hasDisk = false
    /// The existing interfaces.
    var interfaces: [FakeResourceID] = []

    /// The unique name for the machine host: `a-z0-9-`.
    var machineName: String {
        let name = id.name.lowercased()
        let isPlain = name.utf8.allSatisfy {
            ResourceName.isLetterOrDigit($0) || $0 == UInt8(ascii: "-")
        }
        if isPlain, name.utf8.count <= 63 { return name }
        return name.utf8.prefix(50).map {
            ResourceName.isLetterOrDigit($0) ? String(UnicodeScalar($0)) : "-"
        }.joined() + "-" + vmID.prefix(8)
    }

    /// Whether no operation is in progress.
    var isSettled: Bool {
        switch state {
        case .succeeded, .failed: true
        case .creating, .updating, .deleting: false
        }
    }
}

/// A network interface as ARM knows it.
struct FakeNetworkInterface: Equatable, Sendable {
    struct Address: Equatable, Sendable {
        var name: String
        var isPrimary: Bool
        var subnet: String
        /// Empty until the address is assigned.
        var address: String
        var publicAddress: FakeResourceID?
    }

    let id: FakeResourceID
    let guid: String
    var hardwareAddress: String
    var isPrimary: Bool
    var goesWithMachine: Bool
    var securityGroup: String?
    var hasAcceleration: Bool
    var addresses: [Address]
    var machine: FakeResourceID?
    /// Replaced with each change.
    var etag: String
    let made: WallTime
    var origin: RequestOrigin
    /// The tags of the VM with which it was created.
    var tags = JSONObject()
}

/// A public address as ARM knows it.
struct PublicAddress: Equatable, Sendable {
    let id: FakeResourceID
    let guid: String
    var isStandard: Bool
    var isStatic: Bool
    var goesWithInterface: Bool
    var address: String
    var zones: [String]
    /// The interface that uses it, and the name of the IP configuration.
    var interface: FakeResourceID?
    var configuration: String
    var etag: String
    let made: WallTime
    var origin: RequestOrigin
    /// The tags of the VM with which it was created.
    var tags = JSONObject()
}

/// A managed disk as ARM knows it.
struct ManagedDisk: Equatable, Sendable {
    let id: FakeResourceID
    let guid: String
    var sizeGB: Int64
    var storageType: String
    var zones: [String]
    /// ARM's `securityType` of a confidential VM's disk.
    var securityType: String?
    /// The image from which it was created; nil: empty.
    var image: MachineBody.Image?
    var machine: FakeResourceID?
    var goesWithMachine: Bool
    let made: WallTime
    var origin: RequestOrigin
    /// The tags of the VM with which it was created.
    var tags = JSONObject()
}
