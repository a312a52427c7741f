internal import LinuxIO
internal import PodVMLifecycle

/// How often a node may list the resource group's VMs for its sweep.
///
/// Every node lists every VM, so what that costs grows with the square of a cluster. ARM refills 25 reads a second for all
/// nodes together; a tenth of that is for sweeps.
final class ListRateLimit: Sendable {
    /// Pages a second, of all nodes together.
    static let budget = 2.5

    private struct State {
        var last: ContinuousClock.Instant?
        var interval = Duration.zero
    }

    private let clock: any LifecycleClock
    private let state = Lock(State())

    init(clock: any LifecycleClock) { self.clock = clock }

    /// How long to wait before the next list; nil: none.
    var wait: Duration? {
        let now = clock.now
        return state.withLock { state in
            guard let last = state.last else { return nil }
            let left = state.interval - last.duration(to: now)
            return left > .zero ? left : nil
        }
    }

    /// A list had so many pages, with VMs of so many nodes on them.
    func listed(pages: Int, nodes: Int) {
        let now = clock.now
        let share = Duration.seconds(Double(max(1, nodes)) * Double(pages) / Self.budget)
        // What fits into the usual pause between sweeps is not worth a word.
        state.withLock { $0 = State(last: now, interval: share > .seconds(240) ? share : .zero) }
    }
}
