internal import PodVMLifecycle

/// A call of a shim that the adaptor has not answered.
struct Call: Equatable {
    /// The calls of a shim.
    enum Kind: Int {
        case createVM, startVM, stopVM
    }

    let id: Int
    let kind: Kind
    /// The process that the call was sent to.
    let process: Int
    /// Whether the result does not matter, because the same call was sent before.
    let isDuplicate: Bool
}

/// A pod, as its shim sees it.
struct Pod {
    /// The two shims of kata.
    enum Manner {
        /// A connection for each call. StopVM is called again after it has failed.
        case go
        /// StopVM has a second, and its failure is only logged.
        case rust
    }

    /// What the shim has reached.
    enum Phase: Equatable {
        case new, creating, created, starting, running
        /// A call failed, or the shim gave it up: it calls StopVM next.
        case failed
        case stopping
        /// StopVM has succeeded.
        case stopped
        /// The shim has ended without a StopVM that succeeded.
        case dead
    }

    let id: SandboxID
    let request: SandboxRequest
    let manner: Manner
    /// Whether the pod runs until the end of the schedule, if it can.
    let isKept: Bool
    var phase = Phase.new
    var calls: [Call] = []
    /// The calls that a gateway sends again to the next process.
    var unsent: [Call.Kind] = []
    var hasNamespace = true
    /// Whether the connection to the agent is open.
    var hasAgent = false
    /// Whether the VM was deleted or taken away by an operator.
    var isVMGone = false

    /// Whether the shim is alive, got a VM, and has not asked to delete the VM.
    var needsVM: Bool { phase == .running }

    /// The shim has got the answer to a call; nil means success.
    mutating func receive(_ kind: Call.Kind, _ error: LifecycleError?) {
        switch (kind, phase) {
        case (.createVM, .creating): phase = error == nil ? .created : .failed
        case (.startVM, .starting): phase = error == nil ? .running : .failed
        case (.stopVM, .stopping):
            phase = error == nil ? .stopped : manner == .go ? .failed : .dead
        default: break
        }
    }

    /// Whether the shim has ended.
    var isOver: Bool { phase == .stopped || phase == .dead }
}
