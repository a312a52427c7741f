internal import JSON
internal import LinuxIO
internal import PodVMLifecycle

/// Reads resources of one kind for all waiting calls: individually while there are few calls, with one list when that
/// needs fewer requests.
///
/// There is no background task. The first of several simultaneous callers reads the list, in its own task, and the
/// others wait for that list. If the first caller is cancelled, the next caller reads the list.
final class BatchingReader: Sendable {
    /// A list request that begins soon, or is in progress.
    private final class Round: Sendable {
        let isOver = Event()
        /// The resources by name in lower case. Nil after the round means that the round was cancelled.
        let outcome = Lock<Result<[String: JSONNode], ARMError>?>(nil)
    }

    private struct State {
        var waiting = 0
        var pages = 1
        var gathering: Round?
    }

    /// Fewer callers than this are served individually, even if the last list was short: many nodes with a few VMs each
    /// make the list long, and a node must not read the whole list to find that out.
    static let fewest = 10
    /// The time for which the first caller waits for others.
    static let gatheringTime = Duration.milliseconds(100)

    private let kind: ResourceKind
    private let resources: AzureResources
    private let clock: any LifecycleClock
    private let state = Lock(State())

    init(_ kind: ResourceKind, _ resources: AzureResources, clock: any LifecycleClock) {
        self.kind = kind
        self.resources = resources
        self.clock = clock
    }

    /// Counts the caller as waiting for as long as `body` takes.
    func waiting<Value>(_ body: () async throws(CreationFailure) -> Value) async throws(CreationFailure) -> Value {
        state.withLock { $0.waiting += 1 }
        defer { state.withLock { $0.waiting -= 1 } }
        return try await body()
    }

    /// Whether one list costs less than reading for all callers one by one.
    ///
    /// The list counts twice its pages, because a list counts for more at the compute provider than a read, and not all
    /// callers read now.
    var isCrowded: Bool { state.withLock { $0.waiting >= max(Self.fewest, 2 * $0.pages) } }

    /// The resource of that name now, or nil.
    func read(_ name: String) async throws(ARMError) -> JSONNode? {
        guard isCrowded else { return try await resources.get(kind, name) }
        while true {
            let (round, isFirst) = state.withLock { state in
                if let round = state.gathering { return (round, false) }
                let round = Round()
                state.gathering = round
                return (round, true)
            }
            if isFirst { await lead(round) } else { await round.isOver.wait() }
            if Task.isCancelled { throw cancelled }
            if let outcome = round.outcome.withLock({ $0 }) { return try outcome.get()[name.lowercased()] }
        }
    }

    /// The number of pages of the last list.
    var pages: Int { state.withLock { $0.pages } }

    /// All resources. The list also updates ``pages``.
    func list() async throws(ARMError) -> [JSONNode] {
        let (values, pages) = try await resources.arm.pages(resources.request("GET", kind))
        state.withLock { $0.pages = max(1, pages) }
        return values
    }

    private func lead(_ round: Round) async {
        try? await clock.sleep(for: Self.gatheringTime)
        // A caller that comes later needs a newer list, from the next round.
        state.withLock { $0.gathering = nil }
        defer { round.isOver.set() }
        if Task.isCancelled { return }
        let outcome: Result<[String: JSONNode], ARMError>
        do throws(ARMError) {
            let named = try await list().compactMap { node in
                node.members["name"]?.stringValue.map { ($0.lowercased(), node) }
            }
            outcome = .success(Dictionary(named, uniquingKeysWith: { first, _ in first }))
        } catch {
            if error.kind == .cancelled { return }
            outcome = .failure(error)
        }
        round.outcome.withLock { $0 = outcome }
    }

    private var cancelled: ARMError { ARMError(.cancelled, during: "GET \(kind.type)", "") }
}
