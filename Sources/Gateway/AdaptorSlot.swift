internal import LinuxIO
internal import PeerPodProtocol

/// An adaptor that serves hypervisor calls, from its Attach to the end of that call.
final class AttachedAdaptor: Sendable {
    /// The unix socket that takes its calls.
    let socket: String
    /// The sandboxes that it has to stop, until another adaptor attaches.
    let stoppedSandboxes: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    fileprivate init(socket: String) {
        self.socket = socket
        (stoppedSandboxes, continuation) = AsyncStream.makeStream()
    }

    /// Tells the adaptor to stop a sandbox.
    func stop(_ sandbox: String) { continuation.yield(sandbox) }

    fileprivate func end() { continuation.finish() }
}

/// The attached adaptor, at most one. The latest to attach replaces an earlier one.
final class AdaptorSlot: Sendable {
    private let state = Lock(nil as AttachedAdaptor?)
    private let changes = AsyncCondition()

    /// The attached adaptor; nil while there is none.
    var current: AttachedAdaptor? { state.withLock { $0 } }

    /// Makes the adaptor that serves on `socket` the attached one.
    func attach(_ socket: String) -> AttachedAdaptor {
        let adaptor = AttachedAdaptor(socket: socket)
        let earlier = state.withLock { state in
            defer { state = adaptor }
            return state
        }
        earlier?.end()
        changes.notifyAll()
        return adaptor
    }

    /// Removes an adaptor that has gone away, unless another one has replaced it.
    func detach(_ adaptor: AttachedAdaptor) {
        state.withLock { state in if state === adaptor { state = nil } }
        changes.notifyAll()
    }

    /// Ends the attachment, if there is one.
    func detachCurrent() {
        let adaptor = state.withLock { $0.take() }
        adaptor?.end()
        changes.notifyAll()
    }

    /// Waits for an adaptor.
    ///
    /// - Throws: `CancellationError`.
    func adaptor() async throws -> AttachedAdaptor {
        while true {
            let generation = changes.generation
            if let current { return current }
            try Task.checkCancellation()
            await changes.wait(past: generation)
        }
    }

    /// Waits until another adaptor than `adaptor` is attached, or none, or until the caller is cancelled.
    func changed(from adaptor: AttachedAdaptor) async {
        while !Task.isCancelled {
            let generation = changes.generation
            if current !== adaptor { return }
            await changes.wait(past: generation)
        }
    }
}
