internal import LinuxIO

/// A bounded number of places.
///
/// What a crowd has needed stays with the allocator when it leaves, so the memory is then given back.
final class Places: Sendable {
    private struct State {
        var left: Int
        var taken = 0
        /// The most places taken at once since memory was given back.
        var peak = 0
    }

    private let state: Lock<State>

    /// Places taken at once that make a crowd: fewer leave little behind.
    private static let crowd = 64

    init(_ count: Int) { state = Lock(State(left: count)) }

    /// Takes one; false when there is none.
    func take() -> Bool {
        state.withLock { state in
            guard state.left > 0 else { return false }
            state.left -= 1
            state.taken += 1
            state.peak = max(state.peak, state.taken)
            return true
        }
    }

    /// Gives one back.
    func free() {
        let isCrowdGone = state.withLock { state in
            state.left += 1
            state.taken -= 1
            guard state.peak >= Places.crowd, state.taken <= state.peak / 8 else { return false }
            state.peak = state.taken
            return true
        }
        if isCrowdGone { ProcessMemory.giveBackFree() }
    }
}
