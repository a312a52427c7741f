internal import PodVMLifecycle

/// How a fake cloud behaves.
public struct FakeCloudOptions: Equatable, Sendable {
    /// Where its VMs are: a directory each, that outlives the adaptor as the VMs do.
    public var stateDirectory = "/run/peerpod/fake-cloud"
    /// Where `fake-pod-vm` and `agent-protocol-forwarder` are; empty: beside the running program.
    public var programsDirectory = ""
    /// The TCP port that forwarders listen on, each on its own VM's address.
    public var forwarderPort: UInt16 = 15150
    /// Further flags of the forwarders, which a pod VM's image would have in a file.
    public var forwarderFlags: [String] = []
    /// How long the cloud takes to accept a VM, and so to know its address.
    public var acceptDelay = Duration.zero
    /// How long a VM takes from power-on to the start of its programs.
    public var bootDelay = Duration.zero
    /// What goes wrong; see also ``faults``.
    public var failure = FakeFailure.none
    /// Which VMs it goes wrong for.
    public var faults = FakeFaultScope()
    /// How long a guest lives that is to die (``FakeFailure/agentDies`` and ``FakeFailure/guestDies``).
    public var life = Duration.seconds(5)

    /// A cloud that works, and at once.
    public init() {}
}

/// How often a fake cloud's failure happens.
public struct FakeFaultScope: Equatable, Sendable {
    /// Only to the first so many VMs that are asked for; 0: no such limit.
    public var first = 0
    /// To so many of a hundred, by lot.
    public var percent = 100

    /// To every VM.
    public init() {}
}

/// The one thing that goes wrong in a fake cloud.
public enum FakeFailure: String, CaseIterable, Sendable {
    case none
    // The cloud refuses the request.
    case quotaExceeded = "quota-exceeded"
    case outOfCapacity = "out-of-capacity"
    case throttled
    case rejected
    case unauthorized
    case unreachable
    /// The VM is made, but the answer that says so never comes.
    case lostAnswer = "lost-answer"
    /// The cloud accepts the VM and fails at making it.
    case provisioning
    /// The VM is made, and its guest never comes up.
    case neverBoots = "never-boots"
    /// The guest comes up without its forwarder.
    case noForwarder = "no-forwarder"
    /// The guest comes up without its agent.
    case noAgent = "no-agent"
    /// The agent answers health checks with NOT_SERVING.
    case agentUnwell = "agent-unwell"
    /// The agent is killed after a while.
    case agentDies = "agent-dies"
    /// The whole guest is killed after a while.
    case guestDies = "guest-dies"

    /// What the cloud answers to the request for the VM; nil when it takes it.
    var refusal: (code: ProviderError.Code, advice: ProviderError.Advice)? {
        switch self {
        case .quotaExceeded: (.quotaExceeded, .giveUp)
        case .outOfCapacity: (.outOfCapacity, .giveUp)
        case .throttled: (.throttled, .retry(after: .milliseconds(100)))
        case .rejected: (.rejected, .giveUp)
        case .unauthorized: (.unauthorized, .giveUp)
        case .unreachable: (.unreachable, .retry(after: .milliseconds(100)))
        case .none, .lostAnswer, .provisioning, .neverBoots, .noForwarder, .noAgent, .agentUnwell, .agentDies,
            .guestDies:
            nil
        }
    }
}
