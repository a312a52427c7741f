internal import LinuxIO

/// A connection to the VM's forwarder that is made before a client needs it.
///
/// The first is made when the pod starts, for kata's shim is sure to come. Later, a client that comes soon after another
/// makes it likely that a third comes: then the next connection is made meanwhile, so that it does not wait for a
/// handshake. One that no client takes in time is closed, so that idle pods have none.
final class SpareConnections: Sendable {
    private struct Spare {
        let stream: any ByteStream
        let taken = Event()
    }

    private enum Stock {
        case none
        /// One is being made, for the client that waits for it or for the next.
        case dialing(client: CheckedContinuation<(any ByteStream)?, Never>?)
        case ready(Spare)
        case closed
    }

    private struct State {
        var stock: Stock
        /// When a client came last.
        var latest: ContinuousClock.Instant?
    }

    private let state: Lock<State>
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation
    private let patience: Duration

    /// `first` is the one for the first client; later ones are closed when no client takes them within `patience`.
    init(first: (any ByteStream)?, patience: Duration) {
        state = Lock(State(stock: first.map { .ready(Spare(stream: $0)) } ?? .none))
        (wishes, wish) = AsyncStream.makeStream()
        self.patience = patience
    }

    /// The connection that is ready or being made; nil if the client is to make its own.
    func take() async -> (any ByteStream)? {
        let stream = await withCheckedContinuation { client in
            let found: (any ByteStream)?? = state.withLock { state in
                switch state.stock {
                case .ready(let spare):
                    state.stock = .none
                    spare.taken.set()
                    return spare.stream
                case .dialing(client: nil):
                    state.stock = .dialing(client: client)
                    return nil
                case .none, .dialing, .closed: return .some(nil)
                }
            }
            if let found { client.resume(returning: found) }
        }
        prepareNext()
        guard let stream, stream.isQuiet() else { return nil }
        return stream
    }

    /// Makes connections with `dial` when they are likely to be taken, until cancelled.
    func run(on loop: EpollLoop, _ dial: @Sendable () async throws -> any ByteStream) async {
        for await _ in wishes {
            let stream = try? await dial()
            guard let spare = offer(stream) else { continue }
            do {
                try await withDeadline(.now.advanced(by: patience), on: loop) { await spare.taken.wait() }
            } catch {
                removeSpare()
            }
        }
        close()
    }

    /// Has the next connection made, if this client came soon after another.
    private func prepareNext() {
        let now = ContinuousClock.now
        let isLikely = state.withLock { state in
            defer { state.latest = now }
            guard let latest = state.latest, now - latest < patience, case .none = state.stock else { return false }
            state.stock = .dialing(client: nil)
            return true
        }
        if isLikely { wish.yield() }
    }

    /// Gives a new connection to the client that waits for it; returns it, if there is none, for the next to take.
    private func offer(_ stream: (any ByteStream)?) -> Spare? {
        let (client, spare): (CheckedContinuation<(any ByteStream)?, Never>?, Spare?) = state.withLock { state in
            guard case .dialing(let client) = state.stock else { return (nil, nil) }
            let spare = client == nil ? stream.map { Spare(stream: $0) } : nil
            state.stock = spare.map { .ready($0) } ?? .none
            return (client, spare)
        }
        if let client { client.resume(returning: stream) } else if spare == nil { stream?.close() }
        return spare
    }

    private func removeSpare() {
        let spare: Spare? = state.withLock { state in
            guard case .ready(let spare) = state.stock else { return nil }
            state.stock = .none
            return spare
        }
        spare?.stream.close()
    }

    /// Closes what is ready; no more are made.
    func close() {
        wish.finish()
        let last = state.withLock { state in
            defer { state.stock = .closed }
            return state.stock
        }
        switch last {
        case .ready(let spare): spare.stream.close()
        case .dialing(let client): client?.resume(returning: nil)
        case .none, .closed: break
        }
    }
}

extension ByteStream {
    /// Whether nothing has come, no end either; a stream that fails this is closed.
    fileprivate func isQuiet() -> Bool {
        var byte: UInt8 = 0
        do {
            if try unsafe withUnsafeMutableBytes(of: &byte, { unsafe try tryRead(into: $0) }) == nil { return true }
        } catch {}
        close()
        return false
    }
}
