internal import JSON
internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Keeps a PeerPod object for each VM, as the Go adaptor does: a controller of the cluster deletes the VM of a PeerPod
/// whose pod is gone when no adaptor does.
///
/// The object is written before the VM is asked for, and its finalizer is removed when the cloud has confirmed that the VM
/// does not exist. Its name follows from the sandbox's id, so the record of the sandbox is enough to find it.
package final class PeerPodKeeper: Sendable {
    /// The finalizer of upstream's controller.
    package static let finalizer = "peer.pod/finalizer"
    /// The longest time that a pod's start waits for the object.
    private static let patience = Duration.seconds(2)
    private static let queueLimit = 4096
    private static let pause = Duration.seconds(30)

    private let client: KubernetesClient
    private let identities: PodIdentities
    private let cloudProvider: String
    private let features: ClusterFeatures
    private let clock: any LifecycleClock
    private let logger: Logger
    private let queue: AsyncStream<ObservedPod>
    private let continuation: AsyncStream<ObservedPod>.Continuation

    /// A keeper for VMs of `cloudProvider`, such as `azure`.
    package init(
        _ client: KubernetesClient, _ identities: PodIdentities, cloudProvider: String, features: ClusterFeatures,
        clock: any LifecycleClock, logger: Logger = .silent
    ) {
        self.client = client
        self.identities = identities
        self.cloudProvider = cloudProvider
        self.features = features
        self.clock = clock
        self.logger = logger
        (queue, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.queueLimit))
    }

    /// The name of a pod's object: upstream's `<pod>-resource-`, and the beginning of the sandbox's id.
    package static func name(of pod: ObservedPod) -> String {
        let digits = pod.sandbox.rawValue.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        return pod.name.prefix(200) + "-resource-" + digits.prefix(16)
    }

    /// Writes the pod's object, within a short time. A failure is noted, and is no failure of the pod.
    package func write(_ pod: ObservedPod) async {
        let outcome = await withTaskGroup(of: Result<Void, KubernetesError>.self) { group in
            group.addTask { await self.create(pod) }
            group.addTask { [clock] in
                try? await clock.sleep(for: Self.patience)
                return .failure(
                    KubernetesError(.unreachable, "create PeerPod", "no answer within \(Self.patience)"))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .success(())
        }
        switch outcome {
        case .success: features.succeeded(.peerPods)
        // A start that was called off says nothing about the server.
        case .failure(let error): if !Task.isCancelled { features.failed(.peerPods, error) }
        }
    }

    /// Removes the finalizer of a pod whose VM does not exist any longer, in the background.
    package func release(_ pod: ObservedPod) { continuation.yield(pod) }

    /// Releases objects until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await pod in queue { group.addTask { await self.releaseForGood(pod) } }
        }
    }

    private func create(_ pod: ObservedPod) async -> Result<Void, KubernetesError> {
        do throws(KubernetesError) {
            let uid = try await identities.uid(of: pod)
            _ = try await client.create(object(pod, uid), of: .peerPods, in: pod.namespace)
            return .success(())
        } catch {
            // An earlier process has written it.
            return error.kind == .alreadyExists ? .success(()) : .failure(error)
        }
    }

    private func object(_ pod: ObservedPod, _ uid: String) -> JSONValue {
        [
            "apiVersion": .string(KubernetesResource.peerPods.apiVersion), "kind": "PeerPod",
            "metadata": [
                "name": .string(Self.name(of: pod)), "namespace": .string(pod.namespace),
                "finalizers": [.string(Self.finalizer)],
                // blockOwnerDeletion would need a right on the pods' finalizers.
                "ownerReferences": [
                    [
                        "apiVersion": "v1", "kind": "Pod", "name": .string(pod.name), "uid": .string(uid),
                        "controller": true, "blockOwnerDeletion": false,
                    ]
                ],
            ],
            "spec": ["cloudProvider": .string(cloudProvider), "instanceID": .string(pod.vmPath)],
        ]
    }

    private func releaseForGood(_ pod: ObservedPod) async {
        let name = ObjectName(.peerPods, Self.name(of: pod), in: pod.namespace)
        while !Task.isCancelled {
            do throws(KubernetesError) {
                // Both at once are not possible. Without the finalizer, the object goes with its owner.
                try await client.mergePatch(name, ["metadata": ["finalizers": .null]])
                return features.succeeded(.peerPods)
            } catch {
                if error.kind == .notFound { return }
                features.failed(.peerPods, error)
                // Another try does not bring a right; only time does.
                do { try await clock.sleep(for: Self.pause * (1 + clock.random())) } catch { return }
            }
        }
    }
}
