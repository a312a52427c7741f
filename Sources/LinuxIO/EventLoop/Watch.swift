internal import CLinux
internal import Glibc

/// The direction of the bytes.
public enum Direction: Sendable {
    case reading
    case writing
}

/// The state of one descriptor in a loop: the tasks that wait for it, and the edges that arrived without a waiting
/// task.
///
/// The watch observes reading from its start, edge-triggered, so a wait costs no system call. The watch observes
/// writing only while a task waits. A Unix socket reports free space after every message that its peer reads; a wake-up
/// for each report would double the cost of an idle writer.
final class Watch: Sendable {
    private enum Slot {
        case idle
        case edge
        case waiting(Waiter)
        case calling(@Sendable () -> Void)
        case failed(any Error)
    }

    private struct State {
        var reading = Slot.idle
        var writing = Slot.idle
        var hasHungUp = false

        subscript(direction: Direction) -> Slot {
            get { direction == .reading ? reading : writing }
            set { direction == .reading ? (reading = newValue) : (writing = newValue) }
        }
    }

    let tag: UInt64
    private let loop: EpollLoop
    private let state = Lock(State())

    /// Registers `fd` with `loop`. The loop keeps the watch until ``forget()``.
    init(_ fd: CInt, on loop: EpollLoop) throws(SystemCallError) {
        self.loop = loop
        tag = loop.state.withLock { state in
            defer { state.nextTag += 1 }
            return state.nextTag
        }
        let isStopped = loop.state.withLock { state in
            state.watches[tag] = self
            return state.isStopped
        }
        if isStopped { fail(LoopStopped()) }
        do throws(SystemCallError) {
            try register(fd, clinux_add, clinux_readable)
        } catch {
            forget()
            throw error
        }
    }

    /// Removes the watch from its loop. The loop ignores events that arrive for it later.
    func forget() { loop.state.withLock { $0.watches[tag] = nil } }

    /// Suspends until the kernel reports that `direction` is ready. Returns immediately if this was reported after the
    /// last wait.
    ///
    /// `fd` is the descriptor of this watch. It is needed to watch for writing.
    /// - Throws: `CancellationError`, or the error of ``fail(_:)``.
    func wait(for direction: Direction, on fd: CInt?) async throws {
        if let fd, direction == .writing { try register(fd, clinux_modify, clinux_readable | clinux_writable) }
        try await withTaskCancellationHandler {
            try await Waiter.suspend { park($0, direction) }
        } onCancel: {
            cancel(direction)
        }
    }

    /// Calls `body` once: when the kernel reports that `fd` can be written, or immediately if this was reported after the
    /// last wait. Without a task that waits, this takes little memory. A later call replaces an earlier one.
    ///
    /// `body` is not called after ``fail(_:)`` or ``cancelCall()``.
    /// - Throws: ``SystemCallError``.
    func callWhenWritable(_ fd: CInt, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        try register(fd, clinux_modify, clinux_readable | clinux_writable)
        let isReady = state.withLock { state in
            switch state.writing {
            case .failed: return false
            case .edge:
                state.writing = .idle
                return true
            case .idle, .calling:
                state.writing = .calling(body)
                return false
            case .waiting: preconditionFailure("a task waits for writing on the descriptor")
            }
        }
        if isReady { body() }
    }

    /// Forgets the body of ``callWhenWritable(_:_:)``.
    func cancelCall() {
        state.withLock { state in if case .calling = state.writing { state.writing = .idle } }
    }

    /// Resumes the task that waits for reading, or the next one that waits, although nothing has arrived.
    func wakeReader() { settle(.reading) }

    /// Throws the error of ``fail(_:)``, if that function was called.
    func check() throws {
        if case .failed(let error) = state.withLock({ $0.reading }) { throw error }
    }

    /// Whether the peer has finished writing, or the connection is broken.
    var hasHungUp: Bool { state.withLock { $0.hasHungUp } }

    /// Gives an event of the kernel to the waiting tasks, or stores it for the next task that waits.
    func settle(reading: Bool, writing: Bool, hungUp: Bool) {
        if hungUp { state.withLock { $0.hasHungUp = true } }
        if reading { settle(.reading) }
        if writing { settle(.writing) }
    }

    /// Resumes all waiting tasks with `error`. Later waits fail with the same error.
    func fail(_ error: any Error) {
        for direction in [Direction.reading, .writing] {
            let slot = state.withLock { state in
                defer { state[direction] = .failed(error) }
                return state[direction]
            }
            if case .waiting(let waiter) = slot { waiter.resume(throwing: error) }
        }
    }

    private func park(_ waiter: Waiter, _ direction: Direction) {
        let outcome: Result<Void, any Error>? = state.withLock { state in
            switch state[direction] {
            case .failed(let error):
                return .failure(error)
            case .edge:
                state[direction] = .idle
                return Task.isCancelled ? .failure(CancellationError()) : .success(())
            case .idle:
                // The task was cancelled before it was stored: the handler has run and found no waiter.
                if Task.isCancelled { return .failure(CancellationError()) }
                state[direction] = .waiting(waiter)
                return nil
            case .waiting, .calling:
                preconditionFailure("two tasks wait for \(direction) on one descriptor")
            }
        }
        switch outcome {
        case .success: waiter.resume()
        case .failure(let error): waiter.resume(throwing: error)
        case nil: break
        }
    }

    private func settle(_ direction: Direction) {
        let waiting = state.withLock { state in
            let slot = state[direction]
            switch slot {
            case .waiting, .calling: state[direction] = .idle
            case .idle, .edge: state[direction] = .edge
            case .failed: break
            }
            return slot
        }
        switch waiting {
        case .waiting(let waiter): waiter.resume()
        case .calling(let body): body()
        case .idle, .edge, .failed: break
        }
    }

    private func cancel(_ direction: Direction) {
        let waiter: Waiter? = state.withLock { state in
            guard case .waiting(let waiter) = state[direction] else { return nil }
            state[direction] = .idle
            return waiter
        }
        if let waiter { waiter.resume(throwing: CancellationError()) }
    }

    private func register(_ fd: CInt, _ operation: CInt, _ mask: UInt32) throws(SystemCallError) {
        _ = try systemCall("epoll_ctl", on: "descriptor \(fd)") {
            clinux_epoll_set(loop.epoll.rawValue, operation, fd, mask | clinux_edge, tag)
        }
    }
}
