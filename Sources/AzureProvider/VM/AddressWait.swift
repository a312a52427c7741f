internal import JSON
internal import PodVMLifecycle
internal import Telemetry

/// Waits for a VM's address, which is known long before the VM has booted. Ends immediately when the VM's operation
/// fails.
struct AddressWait: Sendable {
    /// The longest time without an address for a VM that Azure reports as created.
    static let patienceAfterSuccess = Duration.seconds(30)
    /// The longest time without an address for any VM.
    static let patience = Duration.seconds(300)
    /// The longest time that Azure may be unreachable: the VM continues without Azure.
    static let patienceWithSilence = Duration.seconds(60)
    private static let pauses = Duration.milliseconds(20) ... .seconds(3)
    /// The pause between reads of a VM without a known operation, and the default pause for operations.
    private static let readingPause = Duration.seconds(10)

    let context: AzureContext
    let id: InstanceID
    /// The interface's name, if Azure's answer has it.
    let interface: String?

    private var operation: String { "create VM \(id)" }

    /// The state that changes during the wait.
    private struct Progress {
        var interface: String?
        var looks = 0
        var pause: Duration
        var nextReading: ContinuousClock.Instant
        /// The time since which Azure has reported the VM as created.
        var settled: ContinuousClock.Instant?
        /// The time since which Azure has not answered.
        var silent: ContinuousClock.Instant?
    }

    func run() async throws(CreationFailure) -> [String] {
        let accepted = context.clock.now
        let firstPause = context.vms[id]?.operation?.retryAfter ?? Self.readingPause
        var progress = Progress(
            interface: interface, pause: context.addressTime.expected, nextReading: accepted.advanced(by: firstPause))
        while true {
            if progress.pause > .zero { try await context.rest(progress.pause, during: operation) }
            if let addresses = try await heard(&progress) {
                let time = accepted.duration(to: context.clock.now)
                context.addressTime.learn(time, atFirstLook: progress.looks == 1)
                context.metrics.addressSeconds.observe(time)
                return addresses
            }
            try checkPatience(progress, accepted)
            progress.pause = nextPause(after: progress)
        }
    }

    /// The result of a read; nil when Azure is unreachable at the moment.
    private func heard(_ progress: inout Progress) async throws(CreationFailure) -> [String]? {
        do throws(CreationFailure) {
            let addresses = try await look(&progress)
            if addresses == nil, context.clock.now >= progress.nextReading { try await read(&progress) }
            progress.silent = nil
            return addresses
        } catch {
            guard case .azure(let fault) = error, fault.isTransient else { throw error }
            let now = context.clock.now
            let since = progress.silent ?? now
            guard since.duration(to: now) < Self.patienceWithSilence else { throw error }
            progress.silent = since
            progress.pause = max(fault.retryAfter ?? .zero, Self.pauses.upperBound)
            return nil
        }
    }

    private func nextPause(after progress: Progress) -> Duration {
        let own = progress.looks == 1 ? context.addressTime.expected / 8 : progress.pause * 2
        let pause = min(max(own, Self.pauses.lowerBound), Self.pauses.upperBound)
        return pause * (1 + context.clock.random() / 10)
    }

    /// Reads the interface.
    private func look(_ progress: inout Progress) async throws(CreationFailure) -> [String]? {
        progress.looks += 1
        let name = progress.interface ?? VMResources(id).interface
        let looks = progress.looks
        let found = try await azure { () throws(ARMError) -> AzureNetworkInterface? in
            // The first read usually finds the address; only later reads share one list.
            let node =
                looks == 1
                ? try await context.resources.get(.interface, name) : try await context.interfaces.read(name)
            guard let node else { return nil }
            return try context.resources.read(node, "interface \(name)") { node throws(JSONError) in
                try AzureNetworkInterface(node)
            }
        }
        // Azure may give the interface another name than requested: then the VM names the interface.
        if found == nil, progress.interface == nil, progress.looks.isMultiple(of: 4) { try await read(&progress) }
        guard let found, let address = found.privateAddress else { return nil }
        guard context.options.usesPublicIP else { return [address] }
        guard let publicName = found.publicAddress, let publicAddress = try await publicAddress(publicName) else {
            return nil
        }
        return [publicAddress, address]
    }

    private func publicAddress(_ name: String) async throws(CreationFailure) -> String? {
        try await azure { () throws(ARMError) -> String? in
            guard let node = try await context.resources.get(.publicAddress, name) else { return nil }
            return try context.resources.read(node, "public address \(name)") { node throws(JSONError) in
                AzureNetworkInterface.address(try node.optionalObject("properties")?.optionalString("ipAddress"))
            }
        }
    }

    /// Reads the state of the VM's creation, and the name of its interface.
    private func read(_ progress: inout Progress) async throws(CreationFailure) {
        progress.nextReading = context.clock.now.advanced(by: Self.readingPause)
        var machine: VirtualMachine?
        switch try await context.provisioningStatus(of: id) {
        case .underWay(let retryAfter, let seen):
            if let retryAfter { progress.nextReading = context.clock.now.advanced(by: retryAfter) }
            machine = seen
            if seen == nil, progress.interface == nil { machine = try await context.machine(id) }
        case .done(let seen):
            progress.settled = progress.settled ?? context.clock.now
            machine = seen
        }
        if let machine, machine.vmID != nil { context.vms.update(id) { $0.vmID = machine.vmID } }
        guard let name = machine?.interfaceName else { return }
        progress.interface = name
        context.note(interface: name, of: id)
    }

    private func checkPatience(_ progress: Progress, _ accepted: ContinuousClock.Instant) throws(CreationFailure) {
        let now = context.clock.now
        let isLate = accepted.duration(to: now) > Self.patience
        let isDone = progress.settled.map { $0.duration(to: now) > Self.patienceAfterSuccess } ?? false
        guard isLate || isDone else { return }
        let name = progress.interface ?? VMResources(id).interface
        throw .azure(
            context.failure(
                of: id,
                "its network interface \(name) has no address \(accepted.duration(to: now).components.seconds) s after "
                    + "Azure accepted the VM" + (isDone ? ", which it reports as created" : "")))
    }
}
