internal import LinuxIO

/// The client's stream of a relay whose filter answers some calls: puts these answers between the agent's messages.
///
/// Concurrency: both directions of the relay use it. The direction that has `isWriting` is the only one that writes. The
/// agent's direction writes an answer that came in the middle of a message, after that message.
final class AnsweredStream: Sendable {
    private struct State {
        var boundary: any MessageBoundary
        /// The answers that wait for the end of a message.
        var answers: [UInt8] = []
        var isWriting = false
        /// The agent's stream has ended, so that no answer can follow.
        var isFinished = false

        /// The answers that can be written now. Without any, the caller's turn ends.
        mutating func next() -> [UInt8]? {
            if isFinished { answers = [] }
            isWriting = !answers.isEmpty && boundary.bytesLeft == 0
            guard isWriting else { return nil }
            defer { answers = [] }
            return answers
        }
    }

    private let client: any ByteStream
    private let state: Lock<State>
    /// A turn has ended.
    private let turn = AsyncCondition()

    /// The stream of a client that has received no bytes yet.
    init(_ client: any ByteStream, _ boundary: any MessageBoundary) {
        self.client = client
        state = Lock(State(boundary: boundary))
    }

    /// How many bytes the agent's direction may read next, so that waiting answers are not delayed further.
    var readLimit: Int {
        state.withLock { state in
            state.answers.isEmpty || state.boundary.bytesLeft == 0 ? Int.max : state.boundary.bytesLeft
        }
    }

    /// Writes answers now, or leaves them to the agent's direction if that is in the middle of a message.
    ///
    /// - Throws: ``TooManyAnswers``, or the stream's error.
    func answer(_ answers: [UInt8]) async throws {
        let next = try state.withLock { state throws(TooManyAnswers) in
            guard state.answers.count + answers.count <= AnswerLimits.waiting else { throw TooManyAnswers() }
            state.answers += answers
            return state.isWriting ? nil : state.next()
        }
        try await writeAnswers(next)
    }

    /// Notes that the agent's direction has written `bytes`, and writes the answers that wait if a message has ended.
    func end(after bytes: UnsafeRawBufferPointer) async throws {
        let next = state.withLock { state in
            unsafe state.boundary.follow(bytes)
            return state.next()
        }
        try await writeAnswers(next)
    }

    /// Ends the agent's direction.
    func finish() async throws {
        try await begin()
        let next = state.withLock { state in
            state.isFinished = true
            return state.next()
        }
        try await writeAnswers(next)
        try await client.finishWriting()
    }

    /// Waits until the client's direction writes no answers. Then the agent's direction writes, and calls
    /// ``end(after:)``.
    func begin() async throws {
        while true {
            let generation = turn.generation
            let hasTurn = state.withLock { state in
                if state.isWriting { return false }
                state.isWriting = true
                return true
            }
            if hasTurn { return }
            await turn.wait(past: generation)
            try Task.checkCancellation()
        }
    }

    private func writeAnswers(_ first: [UInt8]?) async throws {
        defer { turn.notifyAll() }
        var next = first
        while let answers = next {
            do {
                try await client.write(answers)
            } catch {
                // The other direction must not wait for this turn.
                state.withLock { $0.isWriting = false }
                throw error
            }
            next = state.withLock { $0.next() }
        }
    }
}
