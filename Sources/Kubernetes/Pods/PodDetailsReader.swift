internal import JSON
internal import LinuxIO
package import PodVMLifecycle

/// Reads a pod's size, required technologies and pull secrets from the API server, within a short time.
package struct PodDetailsReader: PodDetailsSource {
    /// The annotation with which a pod requires a technology: `tdx`, `snp` or both.
    static let teeAnnotation = "peerpod.dev/tee"
    /// The longest time that CreateVM waits for the pod, and for its secrets.
    private static let patience = Duration.seconds(2)
    private static let secretLimit = 32
    private static let annotations: [PodResources.Kind: String] = [
        .vcpus: "io.katacontainers.config.hypervisor.default_vcpus",
        .memory: "io.katacontainers.config.hypervisor.default_memory",
        .gpus: "io.katacontainers.config.hypervisor.default_gpus",
    ]

    /// Whether pods' details are used.
    package enum Use: String, CaseIterable, Sendable {
        /// Pods are not read: sizes come from kata's request only.
        case off
        /// A pod starts also when it cannot be read.
        case use
        /// A pod that cannot be read does not start.
        case require
    }

    /// The operator's settings.
    package struct Options: Sendable {
        /// Whether pods are read.
        package var use = Use.use
        /// Whether pull secrets are passed to the guest.
        package var readsPullSecrets = true
        /// The technologies that pods of a RuntimeClass accept.
        package var runtimeClasses: [String: Set<TEE>] = [:]

        /// The defaults.
        package init() {}
    }

    private let client: KubernetesClient
    private let identities: PodIdentities
    private let node: String
    private let options: Options
    private let features: ClusterFeatures
    private let clock: any LifecycleClock

    /// A reader for the pods of the node of that name.
    package init(
        _ client: KubernetesClient, _ identities: PodIdentities, node: String, options: Options,
        features: ClusterFeatures, clock: any LifecycleClock
    ) {
        self.client = client
        self.identities = identities
        self.node = node
        self.options = options
        self.features = features
        self.clock = clock
    }

    /// Reads the pod, and the pull secrets that its images may need.
    package func details(of pod: ObservedPod) async throws(LifecycleError) -> PodDetails {
        guard options.use != .off || options.readsPullSecrets else { return PodDetails() }
        let object: ClusterPod
        do throws(KubernetesError) {
            object = try await limited("get Pod") { () throws(KubernetesError) in try await read(pod) }
            features.succeeded(.podDetails)
        } catch {
            features.noted(.podDetails, error)
            return try withoutPod(error)
        }
        var details = PodDetails()
        if options.use != .off {
            details.resources = object.neededResources
            details.annotated = Set(Self.annotations.filter { object.metadata.annotations[$0.value] != nil }.keys)
            details.tees = try tees(of: object)
        }
        if options.readsPullSecrets { try await addCredentials(of: object, to: &details) }
        return details
    }

    private func withoutPod(_ error: KubernetesError) throws(LifecycleError) -> PodDetails {
        guard options.use != .require else {
            throw LifecycleError(
                .unavailable,
                "the pod cannot be read from the API server (\(error)), and -pod-details is require. Check the API server "
                    + "and the right to get pods, or set -pod-details=use.")
        }
        var details = PodDetails()
        details.remarks = [
            "The pod cannot be read from the API server, so its spec, its annotation \(Self.teeAnnotation) and its image pull "
                + "secrets have no effect on its VM: \(error)"
        ]
        return details
    }

    private func read(_ pod: ObservedPod) async throws(KubernetesError) -> ClusterPod {
        let name = ObjectName(.pods, pod.name, in: pod.namespace)
        let object = try await client.get(name)
        let found: ClusterPod
        do throws(JSONError) {
            found = try ClusterPod(object)
        } catch {
            throw KubernetesError(.malformed, "get \(name)", "the pod cannot be understood: \(error)")
        }
        // A pod of this name that was deleted and created again may be on another node.
        if let other = found.nodeName, other != node {
            throw KubernetesError(
                .conflict, "get \(name)", "the pod of this name is on another node, \(other.prefix(64))")
        }
        if !found.metadata.uid.isEmpty { identities.note(found.metadata.uid, of: pod) }
        return found
    }

    /// What the pod's annotation and its RuntimeClass accept together; nil without both.
    private func tees(of pod: ClusterPod) throws(LifecycleError) -> Set<TEE>? {
        let byClass = pod.runtimeClass.flatMap { options.runtimeClasses[$0] }
        guard let text = pod.metadata.annotations[Self.teeAnnotation] else { return byClass }
        guard let byPod = TEE.set(text) else {
            throw LifecycleError(
                .invalidArgument,
                "the annotation \(Self.teeAnnotation) is \"\(text.prefix(64))\"; write tdx, snp or tdx,snp.")
        }
        guard let byClass else { return byPod }
        let both = byPod.intersection(byClass)
        guard both.isEmpty else { return both }
        throw LifecycleError(
            .invalidArgument,
            "the annotation \(Self.teeAnnotation) requires \(byPod.text), and the RuntimeClass \(pod.runtimeClass ?? "") "
                + "permits only \(byClass.text) (-tee-runtime-classes); change one of them.")
    }
}

// The pull secrets.
extension PodDetailsReader {
    private func addCredentials(of pod: ClusterPod, to details: inout PodDetails) async throws(LifecycleError) {
        let (authorizations, remarks) = await credentials(of: pod)
        details.remarks += remarks
        details.registryCredentials = try authorizations.encoded()
    }

    /// The ServiceAccount's credentials and then the pod's, which are stronger.
    private func credentials(of pod: ClusterPod) async -> (RegistryAuthorizations, [String]) {
        var authorizations = RegistryAuthorizations(images: pod.images)
        var remarks: [String] = []
        let namespace = pod.metadata.namespace
        let deadline = clock.now.advanced(by: Self.patience)
        var names = await accountSecrets(of: pod)
        names = names.filter { !pod.imagePullSecrets.contains($0) } + pod.imagePullSecrets
        if names.count > Self.secretLimit {
            remarks.append(
                "The pod has \(names.count) image pull secrets; only the last \(Self.secretLimit) are passed to its VM")
            names = Array(names.suffix(Self.secretLimit))
        }
        for name in names {
            do throws(KubernetesError) {
                let object = ObjectName(.secrets, name, in: namespace)
                let found = try await limited("get \(object)", until: deadline) { () throws(KubernetesError) in
                    try await client.get(object)
                }
                features.succeeded(.pullSecrets)
                if let fault = Self.add(found, to: &authorizations) {
                    remarks.append("The image pull secret \(namespace)/\(name) is skipped: \(fault)")
                }
            } catch {
                features.noted(.pullSecrets, error)
                remarks.append("The image pull secret \(namespace)/\(name) cannot be read, so it is skipped: \(error)")
            }
        }
        return (authorizations, remarks)
    }

    /// The names of the ServiceAccount's secrets. Kubernetes has copied them to a pod that names none, so a failure matters
    /// only for others.
    private func accountSecrets(of pod: ClusterPod) async -> [String] {
        let name = ObjectName(.serviceAccounts, pod.serviceAccount, in: pod.metadata.namespace)
        do throws(KubernetesError) {
            let object = try await limited("get \(name)") { () throws(KubernetesError) in try await client.get(name) }
            return (try? ClusterServiceAccount(object))?.imagePullSecrets ?? []
        } catch {
            features.noted(.pullSecrets, error)
            return []
        }
    }

    /// Adds a secret; returns what is wrong with it, without its content.
    private static func add(_ object: JSONObject, to authorizations: inout RegistryAuthorizations) -> String? {
        do throws(JSONError) {
            let secret = try ClusterSecret(object)
            do throws(RegistryAuthorizations.Malformed) {
                try authorizations.add(secret)
                return nil
            } catch {
                return error.description
            }
        } catch {
            return "\(error)"
        }
    }

    /// Runs `body` within the time that a pod's start waits.
    private func limited<Value: Sendable>(
        _ operation: String, until deadline: ContinuousClock.Instant? = nil,
        _ body: @escaping @Sendable () async throws(KubernetesError) -> Value
    ) async throws(KubernetesError) -> Value {
        let rest = deadline.map { max(clock.now.duration(to: $0), .milliseconds(1)) } ?? Self.patience
        let outcome = await withTaskGroup(of: Result<Value, KubernetesError>.self) { group in
            group.addTask {
                do throws(KubernetesError) { return .success(try await body()) } catch { return .failure(error) }
            }
            group.addTask { [clock] in
                try? await clock.sleep(for: rest)
                return .failure(KubernetesError(.unreachable, operation, "no answer within \(Self.patience)"))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(KubernetesError(.cancelled, operation))
        }
        if Task.isCancelled { throw KubernetesError(.cancelled, operation) }
        return try outcome.get()
    }
}

extension ClusterFeatures {
    /// Notes a failure that is not only that of one object.
    fileprivate func noted(_ feature: Feature, _ error: KubernetesError) {
        switch error.kind {
        case .notFound, .conflict, .alreadyExists, .malformed, .invalid, .expired: break
        case .credential, .unauthorized, .forbidden, .throttled, .server, .unreachable, .cancelled:
            failed(feature, error)
        }
    }
}
