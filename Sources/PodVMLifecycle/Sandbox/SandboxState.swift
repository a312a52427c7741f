/// Where a pod VM is in its life, as a value: no clock, no socket, no cloud.
///
///     preparing ──prepared──> prepared ──start──> creating ──created──> booting ──answered──> running
///         │                       │                  │                     │                     │
///         │ stop,                 │ stop             │ stop,               │ stop,               │ stop
///         │ preparationFailed     │                  │ creationFailed      │ connectFailed       │
///         v                       v                  v                     v                     │
///        gone <───────────────── gone <──deleted── deleting <──────────────┴─────────────────────┘
///
/// One transition leads back: from `booting` to `creating`, when the provider replaces the VM.
///
/// Every other failure after the cloud was asked leads to `deleting`, by name: the cloud may have accepted a
/// request that failed. An event that comes late (a creation's answer after a stop) changes nothing.
package enum SandboxState: Equatable, Sendable {
    // Each case holds what that state has, and nothing that it might have.
    /// The node's side is being made, the cloud knows nothing. Leads to `prepared` or `gone`.
    case preparing(InstanceID)
    /// The node's side is made, the cloud knows nothing. Leads to `creating` or `gone`.
    case prepared(InstanceID)
    /// The cloud is being asked; the VM may exist. Leads to `booting` or `deleting`.
    case creating(InstanceID)
    /// The VM has an address, the agent has not answered. Leads to `running` or `deleting`, or back to `creating`.
    case booting(Instance)
    /// The agent has answered. Leads to `deleting`.
    case running(Instance)
    /// The VM must go, however often the cloud has to be asked. Leads to `gone`.
    case deleting(InstanceID)
    /// There is no VM; the node's side goes next, and the record with it.
    case gone(InstanceID)

    /// What must be done next.
    package enum Effect: Equatable, Sendable {
        case createInstance(InstanceID)
        case connect(Instance)
        case deleteInstance(InstanceID)
        /// Take away what this node has of the sandbox: network, keys, directory.
        case release
        case nothing
    }

    /// Why a start is refused; the sandbox stays as it is.
    package enum StartRefusal: Error {
        case inProgress
        case running
        case stopped
    }

    /// Whether all that is left to do is to end it.
    package var isEnding: Bool {
        switch self {
        case .deleting, .gone: true
        case .preparing, .prepared, .creating, .booting, .running: false
        }
    }

    /// Whether the cloud has been asked for the VM, and has not said yet that it is gone.
    package var mayHaveVM: Bool {
        switch self {
        case .creating, .booting, .running, .deleting: true
        case .preparing, .prepared, .gone: false
        }
    }

    /// The VM's name; a VM of this name need not exist.
    package var vm: InstanceID {
        switch self {
        case .preparing(let id), .prepared(let id), .creating(let id), .deleting(let id), .gone(let id): id
        case .booting(let instance), .running(let instance): instance.id
        }
    }
}

extension SandboxState {
    /// The node's side is made.
    package func prepared() -> Decision {
        switch self {
        case .preparing(let vm): Decision(.prepared(vm), then: .nothing)
        case .prepared, .creating, .booting, .running, .deleting, .gone: unchanged
        }
    }

    /// The node's side could not be made; what there is of it must go.
    package func preparationFailed() -> Decision {
        switch self {
        case .preparing(let vm): Decision(.gone(vm), then: .release)
        case .prepared, .creating, .booting, .running, .deleting, .gone: unchanged
        }
    }

    /// Kata wants the VM to run.
    package func start() throws(StartRefusal) -> Decision {
        switch self {
        case .prepared(let vm): Decision(.creating(vm), then: .createInstance(vm))
        case .preparing, .creating, .booting: throw .inProgress
        case .running: throw .running
        case .deleting, .gone: throw .stopped
        }
    }

    /// The cloud has brought the VM, at these addresses.
    package func created(at addresses: [String]) -> Decision {
        switch self {
        case .creating(let vm):
            Decision(
                .booting(Instance(id: vm, addresses: addresses)), then: .connect(Instance(id: vm, addresses: addresses))
            )
        case .booting, .running, .deleting:
            unchanged
        case .preparing(let vm), .prepared(let vm), .gone(let vm):
            // The VM is not wanted any more, or not yet; it must not be left without an owner.
            Decision(.deleting(vm), then: .deleteInstance(vm))
        }
    }

    /// The cloud has refused the VM, or has not said whether there is one.
    package func creationFailed() -> Decision {
        switch self {
        case .creating(let vm): Decision(.deleting(vm), then: .deleteInstance(vm))
        case .preparing, .prepared, .booting, .running, .deleting, .gone: unchanged
        }
    }

    /// The cloud will not bring up the VM that it had begun to create, and the provider tries another place.
    package func replaced() -> Decision {
        switch self {
        case .booting(let instance): Decision(.creating(instance.id), then: .createInstance(instance.id))
        case .preparing, .prepared, .creating, .running, .deleting, .gone: unchanged
        }
    }

    /// The agent in the VM has answered through the tunnel.
    package func answered() -> Decision {
        switch self {
        case .booting(let instance): Decision(.running(instance), then: .nothing)
        case .preparing, .prepared, .creating, .running, .deleting, .gone: unchanged
        }
    }

    /// The agent has not answered, and will not be waited for any longer.
    package func connectFailed() -> Decision {
        switch self {
        case .booting(let instance): Decision(.deleting(instance.id), then: .deleteInstance(instance.id))
        case .preparing, .prepared, .creating, .running, .deleting, .gone: unchanged
        }
    }

    /// What was being done - preparing, creating, connecting - has failed.
    package func failed() -> Decision {
        switch self {
        case .preparing: preparationFailed()
        case .creating: creationFailed()
        case .booting: connectFailed()
        case .prepared, .running, .deleting, .gone: stop()
        }
    }

    /// Kata, or the pod's deletion, wants the VM gone.
    package func stop() -> Decision {
        switch self {
        case .preparing(let vm), .prepared(let vm), .gone(let vm): Decision(.gone(vm), then: .release)
        case .creating, .booting, .running, .deleting: Decision(.deleting(vm), then: .deleteInstance(vm))
        }
    }

    /// The cloud no longer has the VM.
    package func deleted() -> Decision {
        switch self {
        case .deleting(let vm), .gone(let vm): Decision(.gone(vm), then: .release)
        case .preparing, .prepared, .creating, .booting, .running: unchanged
        }
    }

    /// An earlier process has left the sandbox like this.
    ///
    /// The shim that waited for it hung up when that process ended, and cancel means cancel.
    package func recovered() -> Decision {
        switch self {
        case .prepared, .running: unchanged
        case .creating, .booting, .deleting: Decision(.deleting(vm), then: .deleteInstance(vm))
        case .preparing(let vm), .gone(let vm): Decision(.gone(vm), then: .release)
        }
    }

    private var unchanged: Decision { Decision(self, then: .nothing) }
}
