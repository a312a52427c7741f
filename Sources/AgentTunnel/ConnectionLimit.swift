internal import LinuxIO

/// A bounded number of connections.
///
/// The allocator keeps the memory of many connections when they end, so this type returns the memory to the system.
final class ConnectionLimit: Sendable {
    private struct State {
        var left: Int
        var taken = 0
        /// The maximum number of simultaneous connections since memory was returned to the system.
        var peak = 0
    }

    private let state: Lock<State>

    /// The number of simultaneous connections above which memory is returned to the system.
    private static let worthTrimming = 64

    init(_ count: Int) { state = Lock(State(left: count)) }

    /// Admits one more connection; false when the limit is reached.
    func acquire() -> Bool {
        state.withLock { state in
            guard state.left > 0 else { return false }
            state.left -= 1
            state.taken += 1
            state.peak = max(state.peak, state.taken)
            return true
        }
    }

    /// Ends a connection that was admitted.
    func release() {
        let isPeakOver = state.withLock { state in
            state.left += 1
            state.taken -= 1
            guard state.peak >= ConnectionLimit.worthTrimming, state.taken <= state.peak / 8 else { return false }
            state.peak = state.taken
            return true
        }
        if isPeakOver { ProcessMemory.trim() }
    }
}
