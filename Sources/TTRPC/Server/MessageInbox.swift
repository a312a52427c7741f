internal import LinuxIO

/// The messages of one stream that have arrived but are not yet received.
final class MessageInbox: Sendable {
    fileprivate struct State {
        var messages: [[UInt8]] = []
        var taken = 0
        var bytes = 0
        var end: Result<Void, any Error>?
    }

    private let state = Lock(State())
    private let limit: Int
    private let arrivals = AsyncCondition()
    private let room = AsyncCondition()

    /// Makes an inbox with a `limit` in bytes. It accepts one message of any length.
    init(limit: Int) { self.limit = limit }

    /// The next message. nil or an error after the last message.
    func receive() async throws -> [UInt8]? {
        while true {
            let generation = arrivals.generation
            let (message, end) = state.withLock { state in (state.take(), state.end) }
            if let message {
                room.notifyAll()
                return message
            }
            if let end {
                try end.get()
                return nil
            }
            try Task.checkCancellation()
            await arrivals.wait(past: generation)
        }
    }

    /// Adds a message. Returns false if the inbox is full. A message after the end is dropped.
    func put(_ message: [UInt8]) -> Bool {
        let hasRoom = state.withLock { state in
            if state.end != nil { return true }
            guard state.bytes == 0 || state.bytes + message.count <= limit else { return false }
            state.messages.append(message)
            // An empty message also takes memory.
            state.bytes += message.count + 1
            return true
        }
        if hasRoom { arrivals.notifyAll() }
        return hasRoom
    }

    /// Adds a message even if the inbox is full.
    func putLast(_ message: [UInt8]) {
        state.withLock { state in
            state.messages.append(message)
            state.bytes += message.count + 1
        }
    }

    /// Waits until the inbox has free space, then adds a message.
    func putWhenRoom(_ message: [UInt8]) async throws {
        while true {
            let generation = room.generation
            if put(message) { return }
            try Task.checkCancellation()
            await room.wait(past: generation)
        }
    }

    /// Ends the inbox, with the reason. Only the first call has an effect.
    func finish(throwing error: (any Error)? = nil) {
        state.withLock { state in
            if state.end == nil { state.end = error.map { .failure($0) } ?? .success(()) }
        }
        arrivals.notifyAll()
        room.notifyAll()
    }
}

extension MessageInbox.State {
    fileprivate mutating func take() -> [UInt8]? {
        guard taken < messages.count else { return nil }
        let message = messages[taken]
        messages[taken] = []
        taken += 1
        bytes -= message.count + 1
        if taken == messages.count || taken > 1024 {
            messages.removeFirst(taken)
            taken = 0
        }
        return message
    }
}
