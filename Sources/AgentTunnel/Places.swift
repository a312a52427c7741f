internal import LinuxIO

/// A bounded number of places.
final class Places: Sendable {
    private let left: Lock<Int>

    init(_ count: Int) { left = Lock(count) }

    /// Takes one; false when there is none.
    func take() -> Bool {
        left.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
    }

    /// Gives one back.
    func free() { left.withLock { left in left += 1 } }
}
