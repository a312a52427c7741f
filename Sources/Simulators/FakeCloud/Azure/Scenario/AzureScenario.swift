internal import JSON

/// The behaviour of a fake Azure: delays, capacity, quota, and faults.
///
/// See ``init(parsing:)`` for the file format.
package struct AzureScenario: Equatable, Sendable {
    /// Delays, all counted from the request.
    package struct Delays: Equatable, Sendable {
        /// Until the answer to a VM's PUT.
        package var accept = Duration.zero
        /// Until the interface exists with its address.
        package var nic = Duration.zero
        /// Until the guest's programs start.
        package var boot = Duration.zero
        /// Until the operation ends, if the guest is up by then.
        package var operation = Duration.zero
        /// Until a deleted VM is removed.
        package var delete = Duration.zero
        /// Until the parts of a deleted VM are removed, counted from the removal of the VM.
        package var linger = Duration.zero
        /// Until a change of a VM ends.
        package var update = Duration.zero
        /// Until the operation fails if the guest is not up.
        package var provisioningLimit = Duration.seconds(1200)

        /// Delays of zero; the guest has 20 minutes.
        package init() {}
    }

    /// Azure's own limits on calls.
    package struct Throttling: Equatable, Sendable {
        /// Whether the limits apply.
        package var isOn = true
        /// How many seconds pass for the buckets in one second of the clock.
        package var timeScale = 1.0
        /// Whether clients use the time scale of the buckets, so that `Retry-After` is in that scale.
        package var clientsAreScaled = false

        /// Azure's limits in real time.
        package init() {}
    }

    /// The capacity for VMs of a size.
    package struct Capacity: Equatable, Sendable {
        /// The error when there is no capacity.
        package enum Refusal: String, CaseIterable, Sendable {
            /// The operation fails with `AllocationFailed` or `ZonalAllocationFailed`.
            case allocation
            /// The operation fails with `Overconstrained(Zonal)AllocationRequest`.
            case overconstrained
            /// The request is refused with `SkuNotAvailable`.
            case sku
        }

        /// The VM size.
        package var size: String
        /// Nil: the whole region.
        package var zone: String?
        /// The number of VMs of the size that can exist at once.
        package var machines: Int
        /// The error when the capacity is used.
        package var refusal = Refusal.allocation
    }

    /// A restriction of a size, as the SKUs API lists it.
    package struct Restriction: Equatable, Sendable {
        /// The VM size.
        package var size: String
        /// Empty: the whole region.
        package var zones: [String]
        /// The reason code of the SKUs API.
        package var reason = "NotAvailableForSubscription"
    }

    /// The quota of the subscription.
    package struct Quota: Equatable, Sendable {
        /// The limit of virtual processors in the region.
        package var cores = 20_000
        /// The limit of virtual processors of spot VMs.
        package var spotCores = 20_000
        /// The limit of VMs.
        package var machines = 25_000
        /// The limit of a family that `families` does not contain.
        package var coresOfFamily = 20_000
        /// By family, in lower case.
        package var families: [String: Int] = [:]

        /// The limit of a family.
        package func limit(of family: String) -> Int { families[family.lowercased()] ?? coresOfFamily }
    }

    /// The only image.
    package struct Image: Equatable, Sendable {
        /// The regions to which it is replicated, in addition to the account's region unless `isHere` is false.
        package var regions: [String] = []
        /// Whether the image is in the account's region.
        package var isHere = true
        /// The feature `SecurityType` of the image definition; empty: none.
        package var security = "ConfidentialVMSupported"
    }

    /// The only subnet.
    package struct Subnet: Equatable, Sendable {
        /// The address range, IPv4.
        package var prefix = "10.224.0.0/16"
        /// The number of addresses that other clients use.
        package var used = 0
        /// The outbound connectivity: `nat`, `route`, `default` or `none`.
        package var outbound = "nat"
    }

    /// How long each step of a VM takes.
    package var delays = Delays()
    /// The faults of calls and of VMs.
    package var faults: [AzureFault] = []
    /// The limits on the rate of calls.
    package var throttling = Throttling()
    /// The sizes whose capacity is limited.
    package var capacity: [Capacity] = []
    /// The sizes that the subscription cannot use.
    package var restrictions: [Restriction] = []
    /// The limits of the subscription.
    package var quota = Quota()
    /// The image of the VMs.
    package var image = Image()
    /// The subnet of the VMs.
    package var subnet = Subnet()
    /// The actions that the account may perform; `*` matches any text.
    package var permissions = ["*"]
    /// The ports that the security group allows from the virtual network; empty: all.
    package var openPorts: [Int] = []
    /// The maximum number of elements in a page of a list.
    package var pageSize = 200
    /// The lifetime of each token.
    package var tokenLifetime = Duration.seconds(3599)
    /// The value of `Retry-After` for operations, in seconds.
    package var retryAfter = 1
    /// Whether the name of an interface is the requested name with a suffix.
    package var suffixesInterfaces = false

    /// An Azure without delays and faults.
    package init() {}
}

/// A fault of a fake Azure: what happens, for which calls, and how often.
package struct AzureFault: Equatable, Sendable {
    /// What happens.
    package enum Action: Equatable, Sendable {
        /// The call gets this answer and has no effect.
        case refuse(status: Int, code: String, message: String)
        /// The connection is closed, and the call has no effect.
        case dropBefore
        /// The call has its effect, and the connection is closed without an answer.
        case dropAfter
        /// The call gets no answer and has no effect; the connection stays open.
        case hang
        /// The call has its effect; the answer is the HTML page of a proxy with this status.
        case html(status: Int)
        /// The call has its effect; half of the answer's body is sent.
        case truncate
        /// The call has its effect; the answer's body is not JSON.
        case garbage
        /// The call is delayed.
        case delay(Duration)
        /// The VM's operation ends with this error.
        case fail(code: String, message: String)
        /// The VM's operation succeeds, and there is no VM.
        case nothing
        /// The VM's interface gets no address.
        case noAddress
        /// The VM's guest has this fault; some faults use the lifetime.
        case guest(GuestFault, life: Duration)

        /// Whether the fault is one of the VM that a call creates, not of the call.
        var isOfMachine: Bool {
            switch self {
            case .fail, .nothing, .noAddress, .guest: true
            case .refuse, .dropBefore, .dropAfter, .hang, .html, .truncate, .garbage, .delay: false
            }
        }
    }

    /// The call with the fault; nil: any. Faults of VMs are at ``AzureCall/machinePut``.
    package var call: AzureCall?
    /// A pattern for the name of the resource; `*` matches any text.
    package var name = "*"
    /// What happens.
    package var action: Action
    /// The number of matching calls that get the fault; 0: no limit.
    package var first = 0
    /// The percentage of calls that get the fault, at random.
    package var percent = 100.0
    /// The value of `Retry-After` in the answer; nil: none.
    package var retryAfter: Int?

    /// A fault of each call of this kind; nil: of any kind.
    package init(_ action: Action, at call: AzureCall?) {
        self.action = action
        self.call = call
    }

    /// Whether the name matches.
    package func matches(_ text: String) -> Bool { Glob.matches(name, text) }
}
