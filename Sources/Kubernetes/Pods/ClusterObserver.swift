package import PodVMLifecycle

/// Shows what happens to this node's pods at the API server: as events, and as PeerPod objects.
package struct ClusterObserver: LifecycleObserver {
    private let events: EventReporter
    private let peerPods: PeerPodKeeper

    /// Passes everything on to these two.
    package init(events: EventReporter, peerPods: PeerPodKeeper) {
        self.events = events
        self.peerPods = peerPods
    }

    /// Adds the event to the reporter's queue, if users need to see it.
    package func observe(_ event: LifecycleEvent, of pod: ObservedPod) {
        if let event = PodEvent(event, of: pod) { events.report(event, of: pod) }
    }

    /// Writes the PeerPod, within a short time.
    package func willCreateInstance(of pod: ObservedPod) async { await peerPods.write(pod) }

    /// Releases the PeerPod.
    package func didDeleteInstance(of pod: ObservedPod) { peerPods.release(pod) }

    /// Works until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await events.run() }
            group.addTask { await peerPods.run() }
        }
    }
}
