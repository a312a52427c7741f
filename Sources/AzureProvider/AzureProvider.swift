public import HTTPTransport
internal import JSON
public import LinuxIO
public import PodVMLifecycle
public import Telemetry

/// Azure as a cloud for pod VMs, through Azure Resource Manager.
///
/// Concurrency: every call works in its caller's task, so it sends nothing after it has returned. The shared state of
/// calls - sizes, places that failed, VMs that are being created or deleted - has a lock for each part.
public final class AzureProvider: CloudProvider {
    /// The settings and the shared state, for work that begins now.
    var context: AzureContext { current.withLock { $0 } }
    private let current: Lock<AzureContext>
    private let token: TokenSource

    /// A provider for these options; it sends nothing to Azure yet.
    ///
    /// `sshPublicKey` is the key that Azure writes into the VMs, as in `authorized_keys`.
    ///
    /// - Throws: ``ProviderError`` with every problem of the options in its detail, one sentence for each.
    public convenience init(
        _ options: AzureOptions, sender: any HTTPSender, sshPublicKey: String, on loop: EpollLoop,
        logger: Logger = .silent, metrics: Metrics = Metrics()
    ) throws(ProviderError) {
        try self.init(
            options, sender: sender, sshPublicKey: sshPublicKey, clock: LoopClock(loop: loop), logger: logger,
            metrics: metrics)
    }

    /// A provider with a given clock, for tests.
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
        current = Lock(
            AzureContext(
                options, arm: arm, sshPublicKey: sshPublicKey, clock: clock, logger: logger, metrics: metrics))
    }

    /// Uses other settings for VMs that are created from now on; work in progress keeps its settings.
    ///
    /// ``AzureOptions/fixedSettings`` do not change.
    /// - Throws: ``ProviderError`` with every problem of the options in its detail; then nothing changes.
    public func use(_ options: AzureOptions, sshPublicKey: String) throws(ProviderError) {
        var options = options
        options.keepFixedSettings(of: context.options)
        let problems = options.problems
        guard problems.isEmpty else {
            throw ProviderError(
                .rejected, .giveUp, during: "configure the Azure provider", problems.joined(separator: "; "))
        }
        current.withLock { context in
            context.options = options
            context.sshPublicKey = sshPublicKey
        }
    }

    /// The subscription and the resource group, in lower case, because Azure ignores case.
    public var scope: CloudScope {
        CloudScope(
            subscription: context.options.subscriptionID.lowercased(),
            resourceGroup: context.options.resourceGroup.lowercased())
    }

    /// The VM's resource id.
    public func path(of id: InstanceID) -> String {
        let options = context.options
        return "/subscriptions/\(options.subscriptionID)/resourceGroups/\(options.resourceGroup)"
            + "/providers/Microsoft.Compute/virtualMachines/\(id)"
    }

    /// Keeps the token and the region's VM sizes fresh, until cancelled. Without it, calls renew the token themselves,
    /// and the sizes are not read again.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.token.run() }
            group.addTask { await self.context.sizes.run() }
            await group.waitForAll()
        }
    }

    /// Refuses an image that is not permitted, and a required technology that no size has, as far as the sizes are known.
    public func check(_ requirements: Requirements) throws(ProviderError) {
        let context = context
        guard let fault = ImageChoice(context.options).fault(requirements) ?? teeFault(requirements, context) else {
            return
        }
        throw ProviderError(.rejected, .giveUp, during: "check what the pod asks for", fault)
    }

    private func teeFault(_ wanted: Requirements, _ context: AzureContext) -> String? {
        guard wanted.tees ?? context.options.acceptedTEEs != nil else { return nil }
        let catalog = context.sizes.known
        // StartVM refuses it when the sizes have been read.
        if catalog == nil, SizeChoice.needsCatalog(wanted) || context.options.choosesSizes { return nil }
        do throws(SizeChoice.Refusal) {
            _ = try SizeChoice(context.options, catalog).sizes(for: wanted)
            return nil
        } catch {
            return error.description
        }
    }

    /// Begins to create the sandbox's VM, or to find it, in the first size and zone where Azure can start it.
    public func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation {
        VMCreation(context: context, sandbox: sandbox, spec: spec, redactor: token.redactor)
    }

    /// Deletes the VM, its interface, disk and public address. Returns once Azure reports that none of them exists.
    public func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        try await withoutSecrets { () async throws(ProviderError) in
            try await VMRemoval(context: context, id: id, sandbox: sandbox).run()
        }
    }

    /// The VMs of the resource group that have a sandbox's tags.
    ///
    /// - Throws: ``ProviderError/Code/throttled`` when the lists of all nodes together would exceed the rate limit.
    public func instances() async throws(ProviderError) -> [ListedInstance] {
        try await withoutSecrets { () async throws(ProviderError) in try await list() }
    }

    private func list() async throws(ProviderError) -> [ListedInstance] {
        let operation = "list the VMs of resource group \(context.options.resourceGroup)"
        if let wait = context.sweeps.wait {
            throw ProviderError(
                .throttled, .retry(after: wait), during: operation,
                "the last list had \(context.machines.pages) pages, and Azure's limits are for all nodes together")
        }
        let nodes: [JSONNode]
        do throws(ARMError) {
            nodes = try await context.machines.list()
        } catch {
            throw ProviderError(error, during: operation)
        }
        let listed = nodes.compactMap { node -> ListedInstance? in
            // An unreadable element must not hide the others.
            // A VM whose tags an operator has removed still has the name of a pod VM.
            guard let machine = try? VirtualMachine(node),
                machine.tags[InstanceTags.sandbox] != nil || VMName.hasForm(machine.name)
            else { return nil }
            return ListedInstance(machine)
        }
        context.sweeps.listed(pages: context.machines.pages, tags: listed.map(\.tags))
        return listed
    }

    /// The interfaces, disks and public addresses of the resource group that have a sandbox's tags and belong to no VM.
    ///
    /// - Throws: ``ProviderError/Code/throttled`` when the lists of all nodes together would exceed the rate limit.
    public func leftovers() async throws(ProviderError) -> [Leftover] {
        try await withoutSecrets { () async throws(ProviderError) in try await LeftoverScan(context: context).list() }
    }

    /// Deletes an interface, a disk or a public address that belongs to no VM.
    public func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {
        try await withoutSecrets { () async throws(ProviderError) in
            try await LeftoverScan(context: context).delete(leftover)
        }
    }

    /// Runs `body`. Removes from its error our secrets that servers and proxies may have repeated.
    func withoutSecrets<Result>(
        _ body: () async throws(ProviderError) -> Result
    ) async throws(ProviderError) -> Result {
        do throws(ProviderError) {
            return try await body()
        } catch {
            throw error.redacted(by: token.redactor)
        }
    }
}

extension ProviderError {
    /// The error without the secrets of `redactor`.
    func redacted(by redactor: Redactor) -> ProviderError {
        ProviderError(
            code, advice, during: redactor.redacted(operation), redactor.redacted(detail), cause: cause)
    }
}
