internal import LinuxIO

/// A running task that code other than its owner can cancel.
///
/// Safe, because only one place stores such values. A call's task removes itself from the table, under the lock, before
/// it ends. The table cancels tasks only under the lock. A task group gives no handle to cancel one child, and a group
/// for each call would cost more than the call.
@safe private struct RunningTask {
    private let task: UnsafeCurrentTask

    static func withCurrent(_ body: (RunningTask) -> Void) {
        unsafe withUnsafeCurrentTask { task in
            if let task = unsafe task { body(unsafe RunningTask(task: task)) }
        }
    }

    func cancel() { unsafe task.cancel() }
}

/// The calls of one connection: the used ids, the calls in flight, and their deadlines.
final class CallTable: Sendable {
    private struct InFlight {
        let bytes: Int
        let deadline: ContinuousClock.Instant?
        let inbox: MessageInbox?
        var task: RunningTask?
        var isAnswered = false
    }

    private struct State {
        var lastStream: UInt32 = 0
        var calls: [StreamID: InFlight] = [:]
        var bytes = 0
        /// The frame that is being received, and its deadline.
        var frame: (number: Int, due: ContinuousClock.Instant)?
    }

    private let state = Lock(State())
    private let limits: ServerLimits

    init(limits: ServerLimits) { self.limits = limits }

    /// Takes an id into use. Ids are odd and always increase.
    func open(_ stream: StreamID) throws(Status) {
        guard stream.rawValue % 2 == 1 else {
            throw Status(.invalidArgument, "stream \(stream): a client's stream ids are odd")
        }
        let last = state.withLock { state in
            defer { state.lastStream = max(state.lastStream, stream.rawValue) }
            return state.lastStream
        }
        guard stream.rawValue > last else {
            throw Status(.invalidArgument, "stream \(stream): ids must grow, and \(last) has been used")
        }
    }

    /// Adds a call whose request has `bytes` to the calls in flight, if the limits allow this.
    func admit(
        _ stream: StreamID, bytes: Int, deadline: ContinuousClock.Instant?, inbox: MessageInbox?
    ) throws(Status) {
        let refusal: String? = state.withLock { state in
            if state.calls.count >= limits.callsPerConnection {
                return
                    "this connection has \(limits.callsPerConnection) calls in flight: wait for some, or open another"
            }
            if state.bytes > 0, state.bytes + bytes > limits.callBytesPerConnection {
                return "the calls in flight hold \(state.bytes) bytes of requests: wait for some to end"
            }
            state.bytes += bytes
            state.calls[stream] = InFlight(bytes: bytes, deadline: deadline, inbox: inbox)
            return nil
        }
        if let refusal { throw Status(.resourceExhausted, refusal) }
    }

    /// Records that the running task serves `stream`, so that the deadline can cancel the task.
    func begin(_ stream: StreamID) {
        RunningTask.withCurrent { task in
            state.withLock { state in
                guard let call = state.calls[stream], call.deadline != nil else { return }
                if call.isAnswered { task.cancel() } else { state.calls[stream]?.task = task }
            }
        }
    }

    /// Whether no call is in flight.
    var isEmpty: Bool { state.withLock { $0.calls.isEmpty } }

    /// Whether `stream` has no answer yet. A caller that gets true must send the answer.
    func claimAnswer(_ stream: StreamID) -> Bool {
        state.withLock { state in
            guard let call = state.calls[stream], !call.isAnswered else { return false }
            state.calls[stream]?.isAnswered = true
            return true
        }
    }

    /// Whether messages may still be sent on `stream`.
    func isOpen(_ stream: StreamID) -> Bool {
        state.withLock { state in state.calls[stream].map { !$0.isAnswered } ?? false }
    }

    /// Removes a call. This must be the last use of the table by the call's task.
    func remove(_ stream: StreamID) {
        state.withLock { state in
            guard let call = state.calls.removeValue(forKey: stream) else { return }
            state.bytes -= call.bytes
        }
    }

    /// The inbox for data frames of `stream`. nil if the stream has ended or accepts no data.
    func inbox(of stream: StreamID) -> MessageInbox? {
        state.withLock { state in state.calls[stream]?.inbox }
    }

    /// Ends the input of streaming handlers.
    func endStreams() {
        let inboxes = state.withLock { state in state.calls.values.compactMap { $0.inbox } }
        for inbox in inboxes { inbox.finish(throwing: CancellationError()) }
    }
}

extension CallTable {
    /// Records how the reader pauses. Returns the deadline of a frame that has begun.
    func noteFrame(_ pause: FrameReader.Pause) -> ContinuousClock.Instant? {
        state.withLock { state in
            guard case .insideFrame(let number) = pause else {
                state.frame = nil
                return nil
            }
            if state.frame?.number != number {
                state.frame = (number, .now.advanced(by: limits.frameTime))
            }
            return state.frame?.due
        }
    }

    /// The calls and the frame that have expired.
    struct ExpiredCalls {
        /// Calls that must be answered with DEADLINE_EXCEEDED. Their tasks are cancelled.
        var calls: [StreamID] = []
        /// Whether the frame that is being received has taken too long.
        var isFrameLate = false
        /// The time of the next check.
        var next: ContinuousClock.Instant?
    }

    /// Cancels the calls whose deadline is `now` or earlier.
    func expire(by now: ContinuousClock.Instant) -> ExpiredCalls {
        var due = ExpiredCalls()
        let inboxes: [MessageInbox] = state.withLock { state in
            var inboxes: [MessageInbox] = []
            for (stream, call) in state.calls where !call.isAnswered {
                guard let deadline = call.deadline else { continue }
                guard deadline <= now else {
                    due.next = min(due.next ?? deadline, deadline)
                    continue
                }
                due.calls.append(stream)
                state.calls[stream]?.isAnswered = true
                call.task?.cancel()
                if let inbox = call.inbox { inboxes.append(inbox) }
            }
            if let frame = state.frame {
                if frame.due <= now { due.isFrameLate = true } else { due.next = min(due.next ?? frame.due, frame.due) }
            }
            return inboxes
        }
        for inbox in inboxes { inbox.finish(throwing: CancellationError()) }
        return due
    }
}
