internal import LinuxIO
internal import PacketFilter
internal import PodVMLifecycle
internal import Telemetry

/// Has the kernel not track the tunnels' outer packets as connections, where it can.
///
/// Pods do without it; the table of connections gets fuller then. So nobody waits for it, and what fails is said once.
final class UntrackedTunnels: Sendable {
    private struct State {
        /// Who has a tunnel to a host, by its address. Two may, for a while: the cloud gives a deleted VM's address away.
        var users: [String: Set<SandboxID>] = [:]
        /// Whether the kernel has a host among its own, as far as we know.
        var isThere: [String: Bool] = [:]
        var filter: UntrackedPeers?
        var hasWarned = false
    }

    private let makeFilter: @Sendable () throws -> UntrackedPeers
    private let state = Lock(State())
    /// What is wanted is looked up and done by one at a time, so that the kernel ends up with what is wanted last.
    private let semaphore = AsyncSemaphore(1)
    private let logger: Logger

    /// `makeFilter` is called off the loop, when there is the first tunnel: libnftables reads files for it.
    init(logger: Logger, makeFilter: @escaping @Sendable () throws -> UntrackedPeers) {
        self.logger = logger
        self.makeFilter = makeFilter
    }

    /// Notes what a sandbox's tunnel leads to; ``settle(_:)`` has the kernel know.
    func note(_ peer: String, of sandbox: SandboxID) {
        state.withLock { _ = $0.users[peer, default: []].insert(sandbox) }
    }

    /// Removes `peers`, which a sandbox's tunnel has led to, unless others' do as well.
    func remove(_ peers: [String], of sandbox: SandboxID) async {
        for peer in peers {
            state.withLock { state in
                state.users[peer]?.remove(sandbox)
                if state.users[peer]?.isEmpty == true { state.users[peer] = nil }
            }
            await settle(peer)
        }
    }

    /// Removes the hosts that no sandbox's tunnel leads to: an earlier process has left them, and their records are gone.
    func reconcile() async {
        do {
            let there = try await semaphore.withPermit { try await filter().all() }
            let left = state.withLock { state in
                let left = there.filter { state.users[$0] == nil }
                for peer in left { state.isThere[peer] = true }
                return left
            }
            for peer in left { await settle(peer) }
        } catch {
            note(error)
        }
    }

    /// Makes the kernel do what is wanted with one host at the moment.
    func settle(_ peer: String) async {
        do {
            try await semaphore.withPermit {
                let (isWanted, isThere) = state.withLock { ($0.users[peer] != nil, $0.isThere[peer]) }
                if isWanted == isThere { return }
                let filter = try await filter()
                if isWanted { try await filter.add(peer) } else { try await filter.remove(peer) }
                // What is not there any more need not be remembered.
                state.withLock { $0.isThere[peer] = isWanted ? true : nil }
            }
        } catch {
            note(error)
        }
    }

    private func note(_ error: any Error) {
        // After a cancellation, the next process begins with reconcile().
        if error is CancellationError { return }
        let isFirst = state.withLock { state in
            defer { state.hasWarned = true }
            return !state.hasWarned
        }
        guard isFirst else { return }
        logger.warning(
            "The tunnels' packets take room in the table of connections; pods work all the same",
            [LogField("error", error)])
    }

    private func filter() async throws -> UntrackedPeers {
        if let filter = state.withLock({ $0.filter }) { return filter }
        let filter = try await Thread.offLoop(makeFilter)
        state.withLock { $0.filter = filter }
        return filter
    }
}
