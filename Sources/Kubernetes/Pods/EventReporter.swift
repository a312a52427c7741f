internal import JSON
internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Writes the events of pods to the API server, one after the other, in the background.
///
/// The queue is bounded. An event that finds the queue full, or that the server does not accept, is dropped and counted:
/// the log has it anyway.
package final class EventReporter: Sendable {
    /// The controller's name in events.
    package static let controller = "peerpod.dev/cloud-api-adaptor"
    private static let queueLimit = 256

    private struct Item: Sendable {
        let event: PodEvent
        let pod: ObservedPod
        let time: WallTime
    }

    private let client: KubernetesClient
    private let identities: PodIdentities
    private let instance: String
    private let features: ClusterFeatures
    private let clock: any LifecycleClock
    private let logger: Logger
    private let events: Counter
    private let queue: AsyncStream<Item>
    private let continuation: AsyncStream<Item>.Continuation
    private let series = Lock(EventSeries())

    /// A reporter for the node of that name. It writes while ``run()`` runs.
    package init(
        _ client: KubernetesClient, _ identities: PodIdentities, node: String, features: ClusterFeatures,
        clock: any LifecycleClock, logger: Logger = .silent, metrics: Metrics = Metrics()
    ) {
        self.client = client
        self.identities = identities
        instance = String(node.prefix(128))
        self.features = features
        self.clock = clock
        self.logger = logger
        events = metrics.counter(
            "peerpods_kubernetes_events_total", "Events of pods: written, or dropped.", labels: ["outcome"])
        (queue, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.queueLimit))
    }

    /// Adds an event to the queue.
    package func report(_ event: PodEvent, of pod: ObservedPod) {
        if case .dropped = continuation.yield(Item(event: event, pod: pod, time: .now)) { events.increment("dropped") }
    }

    /// Writes events until cancelled.
    package func run() async {
        for await item in queue {
            do throws(KubernetesError) {
                try await write(item)
                events.increment("written")
                features.succeeded(.events)
            } catch {
                events.increment("dropped")
                // A pod or a namespace that ends is no fault of the server or of a right.
                if error.kind == .notFound || error.causes.contains("NamespaceTerminating") {
                    logger.debug("An event is dropped, because its pod ends", [LogField("error", error)])
                } else {
                    features.failed(.events, error)
                }
            }
            if item.event.reason == "PodVMDeleted" { identities.forget(item.pod) }
        }
    }

    private func write(_ item: Item) async throws(KubernetesError) {
        let key = EventSeries.Key(sandbox: item.pod.sandbox.rawValue, event: item.event)
        if let (name, count) = series.withLock({ $0.repetition(of: key, at: clock.now) }) {
            do throws(KubernetesError) {
                let change: JSONValue = [
                    "series": ["count": .integer(Int64(count)), "lastObservedTime": .string(Self.microTime(item.time))]
                ]
                try await client.mergePatch(ObjectName(.events, name, in: item.pod.namespace), change)
                return
            } catch {
                guard error.kind == .notFound else { throw error }
                series.withLock { $0.forget(key) }
            }
        }
        let name = Self.name(of: item.pod)
        _ = try await client.create(try await object(item, name), of: .events, in: item.pod.namespace)
        series.withLock { $0.created(name, for: key, at: clock.now) }
    }

    private func object(_ item: Item, _ name: String) async throws(KubernetesError) -> JSONValue {
        let uid = try await identities.uid(of: item.pod)
        return [
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": ["name": .string(name), "namespace": .string(item.pod.namespace)],
            "eventTime": .string(Self.microTime(item.time)), "reportingController": .string(Self.controller),
            "reportingInstance": .string(instance), "action": .string(item.event.action),
            "reason": .string(item.event.reason), "type": item.event.isWarning ? "Warning" : "Normal",
            "note": .string(item.event.note),
            "regarding": [
                "apiVersion": "v1", "kind": "Pod", "name": .string(item.pod.name),
                "namespace": .string(item.pod.namespace), "uid": .string(uid),
            ],
        ]
    }

    /// A name that no other event has. It is at most as long as an object's name may be.
    private static func name(of pod: ObservedPod) -> String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return pod.name.prefix(230) + "." + digits
    }

    /// RFC 3339 with six decimals; the server refuses another number of them.
    static func microTime(_ time: WallTime) -> String {
        // The description has three.
        "\(time)".dropLast() + "000Z"
    }
}
