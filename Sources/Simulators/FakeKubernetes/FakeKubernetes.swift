internal import HTTPTransport
package import JSON
package import LinuxIO
internal import Telemetry

/// A Kubernetes API server without a cluster: objects in memory, as strict as the real server where clients depend on it.
///
/// Nothing schedules pods and nothing runs them. Only the garbage collector of owners, and the copy of a node's extended
/// resources to its allocatable ones, act by themselves.
package final class FakeKubernetes: Sendable {
    /// The user with all rights.
    static let administrator = "admin"
    /// The user of a request without a token.
    static let anonymous = "system:anonymous"

    struct State: ~Copyable {
        var store = ObjectStore()
        var rules: AccessRules
        var faults = FaultDraw(APIScenario())
        /// The scenario as it was sent to the control endpoint.
        var scenarioText: [UInt8] = []
        var watches: [UInt64: ObjectWatch] = [:]
        var nextWatch: UInt64 = 0
        var log: [String] = []
    }

    let state: Lock<State>
    let loop: EpollLoop
    let watchers = TaskPool()

    /// A server with the namespaces of a new cluster. All rights belong to the user of `adminToken`.
    package init(adminToken: String, on loop: EpollLoop) {
        var rules = AccessRules()
        rules.tokens[adminToken] = Self.administrator
        rules.rights[Self.administrator] = [.init("*", "*")]
        state = Lock(State(rules: rules))
        self.loop = loop
        for name in ["default", "kube-system", "kube-public"] {
            insert(["metadata": ["name": .string(name)], "status": ["phase": "Active"]], "namespaces")
        }
    }

    /// Ends watches when their time is over, until cancelled.
    package func run() async { await watchers.run() }

    /// Changes who may do what.
    @discardableResult
    package func changeRules<Result>(_ body: (inout AccessRules) -> Result) -> Result {
        state.withLock { body(&$0.rules) }
    }

    /// Replaces the faults.
    package func set(_ scenario: APIScenario, text: [UInt8] = []) {
        state.withLock { state in
            state.faults = FaultDraw(scenario)
            state.scenarioText = text
        }
    }

    /// Forgets old changes, and ends every watch: later watches from an earlier version get 410.
    package func compact() {
        state.withLock { $0.store.compact() }
        endWatches()
    }

    /// Ends every watch.
    package func endWatches() {
        let watches = state.withLock { state in
            defer { state.watches = [:] }
            return state.watches
        }
        for watch in watches.values { watch.stream.finish() }
    }

    /// The number of watches that are open.
    package var watches: Int { state.withLock { $0.watches.count } }

    /// The requests until now, as `user verb path`.
    package var requests: [String] { state.withLock { $0.log } }

    /// Adds an object without a check; `plural` is a kind of the core group or `peerpods`.
    package func insert(_ value: JSONValue, _ plural: String, in namespace: String? = nil) {
        guard let object = value.objectValue,
            let resource = APIResource.all.first(where: { $0.plural == plural })
        else { return }
        let key = ObjectKey(resource, namespace, object.text(at: "metadata.name"))
        mutate { store in _ = store.create(resource.stored(object), at: key, now: Self.now) }
    }

    /// Removes an object and its finalizers.
    package func remove(_ plural: String, _ name: String, in namespace: String? = nil) {
        guard let resource = APIResource.all.first(where: { $0.plural == plural }) else { return }
        let key = ObjectKey(resource, namespace, name)
        mutate { store in
            guard var object = store.objects[key] else { return }
            object.metadata["finalizers"] = nil
            _ = store.update(object, at: key, now: Self.now)
            _ = store.delete(key, now: Self.now)
        }
    }

    /// The objects of a kind, in the form of its API.
    package func objects(_ plural: String, in namespace: String? = nil) -> [JSONObject] {
        guard let resource = APIResource.all.last(where: { $0.plural == plural }) else { return [] }
        return state.withLock { $0.store.list(resource, in: namespace).map { resource.shown($0.1) } }
    }

    /// Changes the store, and sends the changes to the watches.
    func mutate<Result, Failure: Error>(
        _ body: (inout ObjectStore) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let (result, lines) = try state.withLock { state throws(Failure) in
            let last = state.store.version
            let result = try body(&state.store)
            let new = state.store.changes.filter { $0.version > last }
            let lines = state.watches.values.flatMap { watch in
                new.compactMap { change in watch.line(change).map { (watch.stream, $0) } }
            }
            // Under the lock, so that no later change overtakes this one.
            for (stream, line) in lines { stream.write(line) }
            return (result, lines.count)
        }
        _ = lines
        return result
    }

    static var now: String { "\(WallTime(secondsSinceEpoch: WallTime.now.secondsSinceEpoch))".dropFraction }
}

extension String {
    /// RFC 3339 without the fraction of a second.
    var dropFraction: String {
        guard let dot = firstIndex(of: "."), let end = lastIndex(of: "Z") else { return self }
        return String(self[..<dot]) + String(self[end...])
    }
}
