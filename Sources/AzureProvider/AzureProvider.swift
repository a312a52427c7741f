public import HTTPTransport
internal import JSON
public import LinuxIO
public import PodVMLifecycle
public import Telemetry

/// Azure as a cloud for pod VMs, over plain Azure Resource Manager calls.
///
/// Concurrency: every call works in its caller's task, so nothing of it is sent after it has returned. What calls share
/// - sizes, the memory of failures, what is known of VMs on their way - is each behind a lock of its own.
public final class AzureProvider: CloudProvider {
    private let shop: AzureContext
    private let token: TokenSource

    /// A provider for these options, which says nothing to Azure yet.
    ///
    /// `sshPublicKey` is what Azure puts into the VMs, as in `authorized_keys`.
    ///
    /// - Throws: ``ProviderError`` with every problem of the options in its detail, a sentence each.
    public convenience init(
        _ options: AzureOptions, sender: any HTTPSender, sshPublicKey: String, on loop: EpollLoop,
        logger: Logger = .silent, metrics: Metrics = Metrics()
    ) throws(ProviderError) {
        try self.init(
            options, sender: sender, sshPublicKey: sshPublicKey, clock: LoopClock(loop: loop), logger: logger,
            metrics: metrics)
    }

    /// A provider whose time is given, for tests.
    package init(
        _ options: AzureOptions, sender: any HTTPSender, sshPublicKey: String, clock: any LifecycleClock,
        logger: Logger = .silent, metrics: Metrics = Metrics()
    ) throws(ProviderError) {
        let problems = options.problems
        guard problems.isEmpty else {
            throw ProviderError(
                .rejected, .giveUp, during: "configure the Azure provider", problems.joined(separator: "; "))
        }
        token = TokenSource(options, sender: sender, clock: clock, logger: logger, metrics: metrics)
        let arm = ARMClient(
            AzureAccount(options), sender: sender, credential: token, clock: clock, logger: logger, metrics: metrics)
        shop = AzureContext(
            options, arm: arm, sshPublicKey: sshPublicKey, clock: clock, logger: logger, metrics: metrics)
    }

    /// Keeps token and what is known of the region fresh, until cancelled. Without it everything works, with older knowledge.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.token.run() }
            group.addTask { await self.shop.sizes.run() }
            await group.waitForAll()
        }
    }

    /// Refuses an image that is not permitted.
    public func check(_ requirements: Requirements) throws(ProviderError) {
        guard let fault = ImageChoice(shop.options).fault(requirements) else { return }
        throw ProviderError(.rejected, .giveUp, during: "check what the pod asks for", fault)
    }

    /// Makes the sandbox's VM, or finds it, and returns once it has an address.
    public func createInstance(
        for sandbox: SandboxID, from spec: InstanceSpec
    ) async throws(ProviderError) -> Instance {
        try await token.redactor.hiding(Secret(spec.userData)) { () async throws(ProviderError) in
            try await withoutSecrets { () async throws(ProviderError) in
                let addresses = try await VMCreation(shop: shop, sandbox: sandbox, spec: spec).run()
                return Instance(id: spec.name, addresses: addresses)
            }
        }
    }

    /// Returns once Azure calls the VM done.
    ///
    /// - Throws: ``ProviderError``; with the advice to retry at once when the VM may be had elsewhere, which
    ///   ``createInstance(for:from:)`` then tries.
    public func awaitProvisioned(_ instance: Instance) async throws(ProviderError) {
        try await token.redactor.hiding(shop.vms[instance.id]?.userData ?? Secret("")) {
            () async throws(ProviderError) in
            try await withoutSecrets { () async throws(ProviderError) in
                try await ProvisionWatch(shop: shop, id: instance.id).run()
            }
        }
    }

    /// Reads the VM's power state, ever more seldom, until it has stopped, was deallocated or is gone.
    public func watch(_ instance: Instance) async throws(ProviderError) {
        try await withoutSecrets { () async throws(ProviderError) in
            try await PowerWatch(shop: shop, id: instance.id).run()
        }
    }

    /// Deletes the VM, its interface, disk and public address, and returns once Azure knows none of them.
    public func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        try await withoutSecrets { () async throws(ProviderError) in
            try await VMRemoval(shop: shop, id: id, sandbox: sandbox).run()
        }
    }

    /// The VMs of the resource group that have a sandbox's tags.
    ///
    /// - Throws: ``ProviderError/Code/throttled`` when so many nodes list so many VMs that it would be too much.
    public func instances() async throws(ProviderError) -> [ListedInstance] {
        try await withoutSecrets { () async throws(ProviderError) in try await list() }
    }

    private func list() async throws(ProviderError) -> [ListedInstance] {
        let operation = "list the VMs of resource group \(shop.options.resourceGroup)"
        if let wait = shop.sweeps.wait {
            throw ProviderError(
                .throttled, .retry(after: wait), during: operation,
                "the last list had \(shop.machines.pages) pages, and Azure's limits are for all nodes together")
        }
        let nodes: [JSONNode]
        do throws(ARMError) {
            nodes = try await shop.machines.list()
        } catch {
            throw ProviderError(error, during: operation)
        }
        let listed = nodes.compactMap { node -> ListedInstance? in
            // One odd element must not hide the others.
            guard let machine = try? VirtualMachine(node), machine.tags[InstanceTags.sandbox] != nil else { return nil }
            return ListedInstance(id: InstanceID(rawValue: machine.name), tags: machine.tags)
        }
        // Two clusters may have nodes of the same name.
        let owners = Set(
            listed.filter { $0.tags[InstanceTags.node] != nil }.map {
                [$0.tags[InstanceTags.cluster] ?? "", $0.tags[InstanceTags.node] ?? ""]
            })
        shop.sweeps.listed(pages: shop.machines.pages, nodes: owners.count)
        return listed
    }

    /// Runs `body`, whose error leaves without what servers and proxies may have repeated of our secrets.
    private func withoutSecrets<Result>(
        _ body: () async throws(ProviderError) -> Result
    ) async throws(ProviderError) -> Result {
        do throws(ProviderError) {
            return try await body()
        } catch {
            let redactor = token.redactor
            throw ProviderError(
                error.code, error.advice, during: redactor.redacted(error.operation), redactor.redacted(error.detail),
                cause: error.cause)
        }
    }
}
