public import LinuxIO

/// The body of an answer that a server sends in parts, while the handler's work continues.
///
/// A stream belongs to one answer. Bytes that are written before the client reads them are kept; the writer limits
/// their number with ``pending``.
public final class HTTPBodyStream: Sendable, Equatable {
    private struct State {
        var bytes: [UInt8] = []
        var isFinished = false
        var isClosed = false
        var onChange: (@Sendable () -> Void)?
    }

    private let state = Lock(State())
    /// Is set when the client has closed the connection, or has received the end.
    public let isClosed = Event()

    /// Makes a stream without bytes.
    public init() {}

    /// The number of bytes that are written and not yet sent.
    var pending: Int { state.withLock { $0.bytes.count } }

    /// Adds bytes at the end. Returns false if the connection no longer exists.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        change { $0.bytes += bytes }
        return !isClosed.isSet
    }

    /// Ends the body after the bytes that are written.
    public func finish() { change { $0.isFinished = true } }

    /// Whether both are the same stream.
    public static func == (left: HTTPBodyStream, right: HTTPBodyStream) -> Bool { left === right }

    /// Calls `body` after each change.
    func onChange(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onChange = body } }

    /// The next bytes: empty if there are none yet, nil at the end.
    func take(upTo limit: Int) -> [UInt8]? {
        state.withLock { state in
            guard !state.bytes.isEmpty else { return state.isFinished ? nil : [] }
            let part = Array(state.bytes.prefix(limit))
            state.bytes.removeFirst(part.count)
            return part
        }
    }

    /// Drops the bytes, because no client will read them.
    func close() {
        state.withLock { $0 = State(isFinished: true, isClosed: true) }
        isClosed.set()
    }

    private func change(_ body: (inout State) -> Void) {
        let onChange = state.withLock { state in
            guard !state.isClosed, !state.isFinished else { return nil as (@Sendable () -> Void)? }
            body(&state)
            return state.onChange
        }
        onChange?()
    }
}
