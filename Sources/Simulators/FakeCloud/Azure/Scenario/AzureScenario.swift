internal import JSON

/// What happens in a fake Azure: how long things take, what there is of what, and what goes wrong.
///
/// See ``init(parsing:)`` for the form it has in a file.
package struct AzureScenario: Equatable, Sendable {
    /// How long after the request something happens.
    package struct Delays: Equatable, Sendable {
        /// The answer to a VM's PUT goes out.
        package var accept = Duration.zero
        /// The interface is there, with its address.
        package var nic = Duration.zero
        /// The guest's programs start.
        package var boot = Duration.zero
        /// The operation ends, unless the guest is not up by then.
        package var operation = Duration.zero
        /// A deleted VM is gone.
        package var delete = Duration.zero
        /// What goes with a deleted VM is gone, counted from when the VM is.
        package var linger = Duration.zero
        /// A changed VM has its change behind it.
        package var update = Duration.zero
        /// A guest that is not up by then fails the operation.
        package var provisioningLimit = Duration.seconds(1200)

        package init() {}
    }

    /// Azure's own limits on calls.
    package struct Throttling: Equatable, Sendable {
        package var isOn = true
        /// How many seconds pass for the buckets in one of ours.
        package var timeScale = 1.0
        /// Whether clients' seconds are as long as the buckets', so that `Retry-After` is in those.
        package var clientsAreScaled = false

        package init() {}
    }

    /// How many VMs of a size there is room for.
    package struct Capacity: Equatable, Sendable {
        /// How Azure says that there is no room.
        package enum Refusal: String, CaseIterable, Sendable {
            /// In the operation: `AllocationFailed`, `ZonalAllocationFailed`.
            case allocation
            /// In the operation: `Overconstrained(Zonal)AllocationRequest`.
            case overconstrained
            /// At once: `SkuNotAvailable`.
            case sku
        }

        package var size: String
        /// Nil: in the whole region.
        package var zone: String?
        package var machines: Int
        package var refusal = Refusal.allocation
    }

    /// Where a size may not be used, as the SKUs API says.
    package struct Restriction: Equatable, Sendable {
        package var size: String
        /// Empty: the whole region.
        package var zones: [String]
        package var reason = "NotAvailableForSubscription"
    }

    /// How many cores and VMs the subscription may have.
    package struct Quota: Equatable, Sendable {
        package var cores = 20_000
        package var spotCores = 20_000
        package var machines = 25_000
        /// Of a family that `families` does not name.
        package var coresOfFamily = 20_000
        /// By family, in lower case.
        package var families: [String: Int] = [:]

        /// The limit of a family.
        package func limit(of family: String) -> Int { families[family.lowercased()] ?? coresOfFamily }
    }

    /// The one image there is.
    package struct Image: Equatable, Sendable {
        /// Where it is replicated, beside the account's region unless `isHere` is false.
        package var regions: [String] = []
        package var isHere = true
        /// The definition's feature `SecurityType`; empty: none.
        package var security = "ConfidentialVMSupported"
    }

    /// The one subnet.
    package struct Subnet: Equatable, Sendable {
        package var prefix = "10.224.0.0/16"
        /// Addresses that others use.
        package var used = 0
        /// How it gets out: `nat`, `route`, `default` or `none`.
        package var outbound = "nat"
    }

    package var delays = Delays()
    package var faults: [AzureFault] = []
    package var throttling = Throttling()
    package var capacity: [Capacity] = []
    package var restrictions: [Restriction] = []
    package var quota = Quota()
    package var image = Image()
    package var subnet = Subnet()
    /// Rights of the account: actions of roles, in which `*` stands for anything.
    package var permissions = ["*"]
    /// Ports that the security group lets in from the virtual network; empty: all.
    package var openPorts: [Int] = []
    package var pageSize = 200
    package var tokenLifetime = Duration.seconds(3599)
    /// What `Retry-After` says with an operation, in seconds.
    package var retryAfter = 1
    /// Whether an interface's name has something after the name that was asked for.
    package var suffixesInterfaces = false

    /// An Azure that works, and at once.
    package init() {}
}

/// One thing that goes wrong in a fake Azure, with which calls, and how often.
package struct AzureFault: Equatable, Sendable {
    /// What goes wrong.
    package enum Action: Equatable, Sendable {
        /// The call is answered so, and has no effect.
        case refuse(status: Int, code: String, message: String)
        /// The connection is closed, and the call has no effect.
        case dropBefore
        /// The connection is closed instead of an answer; the call has its effect.
        case dropAfter
        /// No answer ever comes, nor an effect.
        case hang
        /// The call has its effect; the answer is a proxy's page with this status.
        case html(status: Int)
        /// The call has its effect; half of the answer's body comes.
        case truncate
        /// The call has its effect; the answer's body is no JSON.
        case garbage
        /// The answer goes out later.
        case delay(Duration)
        /// The VM's operation ends with this error.
        case fail(code: String, message: String)
        /// The VM's operation succeeds, and the VM is not there.
        case nothing
        /// The VM's interface gets no address.
        case noAddress
        /// The VM's guest has this fault; some need a time to live.
        case guest(GuestFault, life: Duration)

        /// Whether it concerns the VM that a call makes, rather than the call.
        var isOfMachine: Bool {
            switch self {
            case .fail, .nothing, .noAddress, .guest: true
            case .refuse, .dropBefore, .dropAfter, .hang, .html, .truncate, .garbage, .delay: false
            }
        }
    }

    /// The call it concerns; nil: any. Faults of the making itself are at ``AzureCall/machinePut``.
    package var call: AzureCall?
    /// Of the VM or whatever the call names; `*` stands for anything.
    package var name = "*"
    package var action: Action
    /// To the first so many calls that match; 0: no such limit.
    package var first = 0
    /// To so many of a hundred, by lot.
    package var percent = 100.0
    /// Seconds that the answer says to wait, if it does.
    package var retryAfter: Int?

    package init(_ action: Action, at call: AzureCall?) {
        self.action = action
        self.call = call
    }

    /// Whether the name matches.
    package func matches(_ text: String) -> Bool { Glob.matches(name, text) }
}
