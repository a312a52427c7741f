/// The state of a pod VM, as a value: no clock, no socket, no cloud.
///
///     preparing ──prepared──> prepared ──start──> creating ──created──> booting ──answered──> running
///         │                       │                  │                     │                     │
///         │ stop,                 │ stop             │ stop,               │ stop,               │ stop
///         │ preparationFailed     │                  │ creationFailed      │ connectFailed       │
///         v                       v                  v                     v                     │
///        gone <───────────────── gone <──deleted── deleting <──────────────┴─────────────────────┘
///
/// One transition leads back: from `booting` to `creating`, when the provider replaces the VM, or when a later process
/// resumes the start. A running sandbox whose VM disappears becomes `failed`, and leaves that state only by a stop.
///
/// Every other failure after the first request to the cloud leads to `deleting`, by name: the cloud may have accepted a
/// request that failed. A late event (a creation's answer after a stop) changes nothing.
package enum SandboxState: Equatable, Sendable {
    // Each case holds the data that its state has, and no data that the state only might have.
    /// The node's side is being created; the cloud has no request. Leads to `prepared` or `gone`.
    case preparing(InstanceID)
    /// The node's side is ready; the cloud has no request. Leads to `creating` or `gone`.
    case prepared(InstanceID)
    /// The cloud has the request; the VM may exist. Leads to `booting` or `deleting`.
    case creating(InstanceID)
    /// The VM has an address; the agent has not answered. Leads to `running` or `deleting`, or back to `creating`.
    case booting(Instance)
    /// The agent has answered. Leads to `deleting` or `failed`.
    case running(Instance)
    /// The VM that ran no longer exists, for a reason other than StopVM. Resources of the VM may exist. Leads to
    /// `deleting`.
    case failed(InstanceID, reason: String)
    /// The VM must be deleted; requests repeat until the cloud confirms the deletion. Leads to `gone`.
    case deleting(InstanceID)
    /// There is no VM. The node's side is removed next, and then the record.
    case gone(InstanceID)

    /// The next action.
    package enum Effect: Equatable, Sendable {
        case createInstance(InstanceID)
        case connect(Instance)
        /// The start is complete, and no later process needs its boot document.
        case discardBootDocument
        case deleteInstance(InstanceID)
        /// Close the agent connections: there is no agent any more.
        case disconnect
        /// Remove the node's resources of the sandbox: network, keys, directory.
        case release
        case nothing
    }

    /// Why a start is refused. The sandbox does not change.
    package enum StartRefusal: Error, Equatable {
        case inProgress
        case running
        case failed(reason: String)
        case stopped
    }

    /// Whether the sandbox can only end.
    package var isEnding: Bool {
        switch self {
        case .deleting, .gone: true
        case .preparing, .prepared, .creating, .booting, .running, .failed: false
        }
    }

    /// Whether the cloud has a request for the VM, and has not yet confirmed the VM's deletion.
    package var mayHaveVM: Bool {
        switch self {
        case .creating, .booting, .running, .failed, .deleting: true
        case .preparing, .prepared, .gone: false
        }
    }

    /// The VM's name; a VM of this name need not exist.
    package var vm: InstanceID {
        switch self {
        case .preparing(let id), .prepared(let id), .creating(let id), .failed(let id, _), .deleting(let id),
            .gone(let id):
            id
        case .booting(let instance), .running(let instance): instance.id
        }
    }

    /// The VM with its addresses, once they are known.
    package var instance: Instance? {
        switch self {
        case .booting(let instance), .running(let instance): instance
        case .preparing, .prepared, .creating, .failed, .deleting, .gone: nil
        }
    }
}

extension SandboxState {
    /// The node's side is ready.
    package func prepared() -> Decision {
        switch self {
        case .preparing(let vm): Decision(.prepared(vm), then: .nothing)
        case .prepared, .creating, .booting, .running, .failed, .deleting, .gone: unchanged
        }
    }

    /// The creation of the node's side failed; its parts must be removed.
    package func preparationFailed() -> Decision {
        switch self {
        case .preparing(let vm): Decision(.gone(vm), then: .release)
        case .prepared, .creating, .booting, .running, .failed, .deleting, .gone: unchanged
        }
    }

    /// Kata requests that the VM runs, and no call works on that.
    ///
    /// A start that an earlier process left is begun again: the provider finds the VM, or creates it.
    package func start() throws(StartRefusal) -> Decision {
        switch self {
        case .prepared, .creating, .booting: Decision(.creating(vm), then: .createInstance(vm))
        case .preparing: throw .inProgress
        case .running: throw .running
        case .failed(_, let reason): throw .failed(reason: reason)
        case .deleting, .gone: throw .stopped
        }
    }

    /// The cloud has created the VM, at these addresses; `vmID` is the cloud's own identifier of it, if it is known.
    package func created(at addresses: [String], vmID: String? = nil) -> Decision {
        switch self {
        case .creating(let vm):
            let instance = Instance(id: vm, addresses: addresses, vmID: vmID)
            return Decision(.booting(instance), then: .connect(instance))
        case .booting, .running, .failed, .deleting:
            return unchanged
        case .preparing(let vm), .prepared(let vm), .gone(let vm):
            // The VM is no longer needed, or not yet; it must not be left without an owner.
            return Decision(.deleting(vm), then: .deleteInstance(vm))
        }
    }

    /// The cloud has refused the VM, or has not reported whether the VM exists.
    package func creationFailed() -> Decision {
        switch self {
        case .creating(let vm): Decision(.deleting(vm), then: .deleteInstance(vm))
        case .preparing, .prepared, .booting, .running, .failed, .deleting, .gone: unchanged
        }
    }

    /// The cloud cannot complete the VM's creation, and the provider tries another place.
    package func replaced() -> Decision {
        switch self {
        case .booting(let instance): Decision(.creating(instance.id), then: .createInstance(instance.id))
        case .preparing, .prepared, .creating, .running, .failed, .deleting, .gone: unchanged
        }
    }

    /// The agent in the VM has answered through the tunnel.
    package func answered() -> Decision {
        switch self {
        case .booting(let instance): Decision(.running(instance), then: .discardBootDocument)
        case .preparing, .prepared, .creating, .running, .failed, .deleting, .gone: unchanged
        }
    }

    /// The agent has not answered, and the wait for it has ended.
    package func connectFailed() -> Decision {
        switch self {
        case .booting(let instance): Decision(.deleting(instance.id), then: .deleteInstance(instance.id))
        case .preparing, .prepared, .creating, .running, .failed, .deleting, .gone: unchanged
        }
    }

    /// The VM no longer exists, although the sandbox was not stopped.
    package func vanished(_ reason: String) -> Decision {
        switch self {
        case .running(let instance): Decision(.failed(instance.id, reason: reason), then: .disconnect)
        case .preparing, .prepared, .creating, .booting, .failed, .deleting, .gone: unchanged
        }
    }

    /// The step in progress - preparing, creating, connecting - has failed.
    package func failed() -> Decision {
        switch self {
        case .preparing: preparationFailed()
        case .creating: creationFailed()
        case .booting: connectFailed()
        case .prepared, .running, .failed, .deleting, .gone: stop()
        }
    }

    /// Kata, or the pod's deletion, requests the VM's deletion.
    package func stop() -> Decision {
        switch self {
        case .preparing(let vm), .prepared(let vm), .gone(let vm): Decision(.gone(vm), then: .release)
        case .creating, .booting, .running, .failed, .deleting: Decision(.deleting(vm), then: .deleteInstance(vm))
        }
    }

    /// The cloud no longer has the VM.
    package func deleted() -> Decision {
        switch self {
        case .deleting(let vm), .gone(let vm): Decision(.gone(vm), then: .release)
        case .preparing, .prepared, .creating, .booting, .running, .failed: unchanged
        }
    }

    /// An earlier process left the sandbox in this state.
    ///
    /// Without a gateway, the shim that waited for a start closed its connection when that process ended, and a closed
    /// connection cancels the call. With `callersSurvive`, the shim still waits, and the gateway repeats its call.
    package func recovered(callersSurvive: Bool = false) -> Decision {
        switch self {
        case .prepared, .running, .failed: unchanged
        case .creating where callersSurvive, .booting where callersSurvive: unchanged
        case .creating, .booting, .deleting: Decision(.deleting(vm), then: .deleteInstance(vm))
        case .preparing(let vm), .gone(let vm): Decision(.gone(vm), then: .release)
        }
    }

    private var unchanged: Decision { Decision(self, then: .nothing) }
}
