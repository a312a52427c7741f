internal import LinuxIO
internal import PodVMLifecycle

/// Limits how often a node lists the resource group's VMs, or their other resources, for its sweep.
///
/// Every node lists every VM, so the cost grows with the square of the cluster's size. ARM refills 25 reads a second
/// for all nodes together; a tenth of that is for sweeps.
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

    /// The wait before the next list; nil if there is none.
    var wait: Duration? {
        let now = clock.now
        return state.withLock { state in
            guard let last = state.last else { return nil }
            let left = state.interval - last.duration(to: now)
            return left > .zero ? left : nil
        }
    }

    /// Records that a list had `pages` pages, with resources that have these tags.
    func listed(pages: Int, tags: [[String: String]]) {
        // Two clusters may have nodes of the same name.
        let owners = Set(
            tags.filter { $0[InstanceTags.node] != nil }.map {
                [$0[InstanceTags.cluster] ?? "", $0[InstanceTags.node] ?? ""]
            })
        listed(pages: pages, nodes: owners.count)
    }

    /// Records that a list had `pages` pages, with resources of `nodes` nodes.
    func listed(pages: Int, nodes: Int) {
        let now = clock.now
        let share = Duration.seconds(Double(max(1, nodes)) * Double(pages) / Self.budget)
        // A wait that fits into the usual pause between sweeps is ignored.
        state.withLock { $0 = State(last: now, interval: share > .seconds(240) ? share : .zero) }
    }
}
