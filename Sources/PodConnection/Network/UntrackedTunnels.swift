internal import LinuxIO
internal import PacketFilter
internal import PodVMLifecycle
internal import Telemetry

/// Keeps the tunnels' outer packets out of the kernel's connection tracking, where that is possible.
///
/// Pods work without it, but then their tunnels take entries of the connection table. So no start waits for it, and only the
/// first failure is logged.
final class UntrackedTunnels: Sendable {
    private struct State {
        /// The sandboxes that have a tunnel to an address. Two may share one for a while: the cloud reuses the address of a deleted
        /// VM.
        var users: [String: Set<SandboxID>] = [:]
        /// Whether the kernel has a rule for an address, as far as is known.
        var isInstalled: [String: Bool] = [:]
        var filter: UntrackedPeers?
        var hasWarned = false
    }

    private let makeFilter: @Sendable () throws -> UntrackedPeers
    private let state = Lock(State())
    /// Changes of the kernel's rules run one at a time, so that the latest wish is applied last.
    private let semaphore = AsyncSemaphore(1)
    private let logger: Logger

    /// `makeFilter` is called for the first tunnel.
    init(logger: Logger, makeFilter: @escaping @Sendable () throws -> UntrackedPeers) {
        self.logger = logger
        self.makeFilter = makeFilter
    }

    /// Notes the address that a sandbox's tunnel leads to; ``apply(_:)`` tells the kernel.
    func note(_ peer: String, of sandbox: SandboxID) {
        state.withLock { _ = $0.users[peer, default: []].insert(sandbox) }
    }

    /// Removes `peers`, which a sandbox's tunnel has led to, unless another sandbox's tunnel leads there.
    func remove(_ peers: [String], of sandbox: SandboxID) async {
        for peer in peers {
            state.withLock { state in
                state.users[peer]?.remove(sandbox)
                if state.users[peer]?.isEmpty == true { state.users[peer] = nil }
            }
            await apply(peer)
        }
    }

    /// Removes the addresses that an earlier process has left and that no sandbox's tunnel leads to.
    func reconcile() async {
        do {
            let installed = try await semaphore.withPermit { try await filter().all() }
            let left = state.withLock { state in
                let left = installed.filter { state.users[$0] == nil }
                for peer in left { state.isInstalled[peer] = true }
                return left
            }
            for peer in left { await apply(peer) }
        } catch {
            report(error)
        }
    }

    /// Adds or removes the kernel's rule for one address, as is wanted now.
    func apply(_ peer: String) async {
        do {
            try await semaphore.withPermit {
                let (isWanted, isInstalled) = state.withLock { ($0.users[peer] != nil, $0.isInstalled[peer]) }
                if isWanted == isInstalled { return }
                let filter = try filter()
                if isWanted { try await filter.add(peer) } else { try await filter.remove(peer) }
                // A rule that is removed need not be remembered.
                state.withLock { $0.isInstalled[peer] = isWanted ? true : nil }
            }
        } catch {
            report(error)
        }
    }

    private func report(_ error: any Error) {
        // After a cancellation, the next process reconciles.
        if error is CancellationError { return }
        let isFirst = state.withLock { state in
            defer { state.hasWarned = true }
            return !state.hasWarned
        }
        guard isFirst else { return }
        logger.warning(
            "The tunnels' packets cannot be excluded from connection tracking: pods work, but take entries of the table of "
                + "connections",
            [LogField("error", error)])
    }

    private func filter() throws -> UntrackedPeers {
        if let filter = state.withLock({ $0.filter }) { return filter }
        let filter = try makeFilter()
        state.withLock { $0.filter = filter }
        return filter
    }
}
