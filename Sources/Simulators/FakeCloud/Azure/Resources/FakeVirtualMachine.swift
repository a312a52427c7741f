internal import JSON
internal import Telemetry

/// Who made or changed something.
package struct AzureOrigin: Equatable, Sendable {
    /// The application or managed identity, by client id.
    package var principal: String
    /// What the client called its request.
    package var clientRequestID: String

    package init(principal: String, clientRequestID: String) {
        self.principal = principal
        self.clientRequestID = clientRequestID
    }
}

/// What is to become of a VM that ARM has accepted.
enum MachineFate: Equatable, Sendable {
    case success
    /// The operation fails with this.
    case failure(FakeARMFault)
    /// The operation succeeds, and there is no VM.
    case nothing
    /// The interface never gets an address, and the machine never gets power.
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
    /// Differs between two VMs of one name, of which one is gone.
    let vmID: String
    /// What its guest shows to its metadata service.
    let metadataToken: String
    /// The body of the PUT that made it, as it came.
    var sent: JSONValue
    var body: MachineBody
    var state = State.creating
    /// Grows with each change.
    var etag = 1
    let made: WallTime
    /// When it got into its state.
    var since: WallTime
    var origin: AzureOrigin
    /// The long-running operation under way, or the last.
    var operation: String
    var fate = MachineFate.success
    var guestFault = GuestFault.none
    var guestLife = Duration.seconds(5)
    /// Whether it takes room in its zone.
    var isPlaced = true
    var disk: FakeResourceID
    /// Whether the disk is there yet.
    var hasDisk = false
    /// Those that are there.
    var interfaces: [FakeResourceID] = []

    /// What the machine host calls it: `a-z0-9-`, and no two VMs the same.
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

    /// Whether nothing is under way.
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
        /// Empty until it has one.
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
    /// A new one with each change.
    var etag: String
    let made: WallTime
    var origin: AzureOrigin
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
    /// The interface that has it, and under which configuration's name.
    var interface: FakeResourceID?
    var configuration: String
    var etag: String
    let made: WallTime
    var origin: AzureOrigin
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
    /// The image it was made of; nil: empty.
    var image: MachineBody.Image?
    var machine: FakeResourceID?
    var goesWithMachine: Bool
    let made: WallTime
    var origin: AzureOrigin
}
