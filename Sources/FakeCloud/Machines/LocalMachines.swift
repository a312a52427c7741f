public import LinuxIO
public import PodVMLifecycle
public import Telemetry

/// A cloud on this machine: each VM is a tree of processes that does what a pod VM does.
///
/// VMs outlive the process that made them, and a new one finds them by their directories:
///
///     <state>/<name>/    see MachineDirectory
///
/// Concurrency: `state` is what calls share, under its lock. Two adaptors may not use one
/// state directory.
public final class LocalCloud: CloudProvider {
    private struct State {
        /// VMs we started: a parent has to hear of its children's ends, or they stay as zombies.
        var children: [String: ChildProcess] = [:]
        /// Addresses that are taken, by VM.
        var addresses: [String: String] = [:]
    }

    private let options: FakeCloudOptions
    private let loop: EpollLoop
    private let logger: Logger
    private let lot: FaultLot
    private let machine: String
    private let forwarder: String
    private let state = Lock(State())

    /// A cloud whose VMs live under ``FakeCloudOptions/stateDirectory``, those of earlier processes included.
    ///
    /// - Throws: ``ProviderError`` when its programs are missing or the directory cannot be used.
    public init(_ options: FakeCloudOptions, on loop: EpollLoop, logger: Logger = .silent) throws(ProviderError) {
        self.options = options
        self.loop = loop
        self.logger = logger
        lot = FaultLot(options.faults)
        let directory =
            options.programsDirectory.isEmpty
            ? Files.parent(of: SystemInfo.executablePath) : options.programsDirectory
        machine = directory + "/fake-pod-vm"
        forwarder = directory + "/agent-protocol-forwarder"
        for program in [machine, forwarder] where !Files.isExecutable(program) {
            throw ProviderError(
                .rejected, .giveUp, during: "look for the fake cloud's programs",
                "\(program) is missing: build it, or say where the programs are")
        }
        do {
            try Files.makeDirectories(options.stateDirectory)
            for name in try Files.list(options.stateDirectory) {
                let directory = directoryOf(name)
                if let record = directory.machine {
                    state.withLock { $0.addresses[name] = record.address }
                } else if !MachinePower(of: directory).isOn {
                    // Half of a VM, whose maker or remover did not live to finish it.
                    try Files.removeTree(directory.path)
                }
            }
        } catch {
            throw ProviderError(.rejected, .giveUp, during: "open \(options.stateDirectory)", cause: error)
        }
    }

    /// Makes a VM and powers it on, or finds the one that has the name already.
    public func createInstance(
        for sandbox: SandboxID, from spec: InstanceSpec
    ) async throws(ProviderError) -> Instance {
        let name = spec.name.rawValue
        let operation = "create VM \(name)"
        guard LocalCloud.isName(name) else {
            throw ProviderError(.rejected, .giveUp, during: operation, "a VM's name has 1 to 63 of a-z, 0-9 and -")
        }
        let asked = WallTime.now
        try await sleep(options.acceptDelay, during: operation)
        if let present = try find(name) { return present }
        let failure = options.failure != .none && lot.draw() ? options.failure : .none
        if let (code, advice) = failure.refusal {
            throw ProviderError(code, advice, during: operation, "the fake cloud was told to refuse")
        }
        let instance: Instance
        do {
            instance = try make(name, spec, asked: asked, failure: failure)
        } catch let error as ProviderError {
            throw error
        } catch {
            throw ProviderError(.operationFailed, .giveUp, during: operation, cause: error)
        }
        logger.info("VM \(name) is powered on", [LogField("address", instance.addresses[0])])
        if failure == .lostAnswer {
            throw ProviderError(
                .unreachable, .retry(after: .milliseconds(100)), during: operation,
                "the fake cloud was told to lose the answer")
        }
        return instance
    }

    /// Returns once the guest calls itself provisioned; throws when it failed, or its VM has stopped.
    public func awaitProvisioned(_ instance: Instance) async throws(ProviderError) {
        let operation = "provision VM \(instance.id)"
        let directory = directoryOf(instance.id.rawValue)
        var pause = Duration.milliseconds(10)
        while true {
            switch directory.guestStatus {
            case .running: return
            case .failed(let reason): throw ProviderError(.operationFailed, .giveUp, during: operation, reason)
            case .booting, nil:
                if !MachinePower(of: directory).isOn {
                    // It may have said its last word between the two looks.
                    if case .failed(let reason) = directory.guestStatus {
                        throw ProviderError(.operationFailed, .giveUp, during: operation, reason)
                    }
                    throw ProviderError(
                        .operationFailed, .giveUp, during: operation, "the VM has stopped: see \(directory.console)")
                }
            }
            try await sleep(pause, during: operation)
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    /// Kills a VM and all that came of it, and removes its directory.
    public func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        let name = id.rawValue
        // No VM of ours has another kind of name, so such a one is as gone as can be.
        guard LocalCloud.isName(name) else { return }
        let directory = directoryOf(name)
        do {
            let lock = try await MachinePower(of: directory).cut(on: loop)
            if let child = state.withLock({ $0.children.removeValue(forKey: name) }) { _ = try await child.wait() }
            // Only now, and still under the lock, so that nobody can power it on in between.
            try Files.removeTree(directory.path)
            _ = consume lock
        } catch let error as CancellationError {
            throw ProviderError(.cancelled, .giveUp, during: "delete VM \(name)", cause: error)
        } catch {
            throw ProviderError(
                .operationFailed, .retry(after: .milliseconds(100)), during: "delete VM \(name)", cause: error)
        }
        let wasOurs = state.withLock { $0.addresses.removeValue(forKey: name) != nil }
        if wasOurs { logger.info("VM \(name) is gone") }
    }

    /// Every VM that has a directory, also one that is not finished or has stopped.
    public func instances() async throws(ProviderError) -> [ListedInstance] {
        do {
            return try Files.list(options.stateDirectory).filter(LocalCloud.isName).map { name in
                ListedInstance(id: InstanceID(rawValue: name), tags: directoryOf(name).machine?.tags ?? [:])
            }
        } catch {
            throw ProviderError(.operationFailed, .giveUp, during: "list VMs", cause: error)
        }
    }

    /// A VM's directory, for those who want to know more of it: benchmarks, tests.
    package func directoryOf(_ name: String) -> MachineDirectory {
        MachineDirectory("\(options.stateDirectory)/\(name)")
    }

    private static func isName(_ name: String) -> Bool {
        1...VMName.lengthLimit ~= name.utf8.count
            && name.utf8.allSatisfy {
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
                    || $0 == UInt8(ascii: "-")
            }
    }

    private func sleep(_ duration: Duration, during operation: String) async throws(ProviderError) {
        do {
            if duration > .zero { try await loop.sleep(for: duration) }
            try Task.checkCancellation()
        } catch {
            throw ProviderError(.cancelled, .giveUp, during: operation, cause: error)
        }
    }
}

extension LocalCloud {
    /// The VM that has the name already; one that was never powered on gets its power.
    private func find(_ name: String) throws(ProviderError) -> Instance? {
        let directory = directoryOf(name)
        guard let record = directory.machine else { return nil }
        do {
            if !Files.exists(directory.processNumber) { try powerOn(directory, name) }
        } catch {
            throw ProviderError(.operationFailed, .giveUp, during: "power on VM \(name)", cause: error)
        }
        return Instance(id: InstanceID(rawValue: name), addresses: [record.address])
    }

    private func make(_ name: String, _ spec: InstanceSpec, asked: WallTime, failure: FakeFailure) throws -> Instance {
        let directory = directoryOf(name)
        try Files.removeTree(directory.path)  // Without a record it is no VM.
        guard let address = takeAddress(for: name) else {
            throw ProviderError(
                .outOfCapacity, .giveUp, during: "create VM \(name)",
                "no loopback address has port \(options.forwarderPort) free")
        }
        let record = MachineRecord(
            name: name, address: address, port: options.forwarderPort, created: asked, bootDelay: options.bootDelay,
            failure: failure, life: options.life, forwarder: forwarder,
            forwarderFlags: options.forwarderFlags, tags: spec.tags)
        // All of it appears in one step: a directory with a name is a whole VM.
        let unfinished = MachineDirectory(
            try Files.makeTemporaryDirectory(prefix: "\(options.stateDirectory)/.new-"))
        try Files.write(record.encoded, to: unfinished.record, at: 0)
        try Files.write(spec.userData.utf8, to: unfinished.userData, at: 0)
        try Files.move(unfinished.path, to: directory.path)
        try powerOn(directory, name)
        return Instance(id: spec.name, addresses: [address])
    }

    private func takeAddress(for name: String) -> String? {
        state.withLock { state in
            let taken = Set(state.addresses.values)
            let address = AddressPlan(name: name, stateDirectory: options.stateDirectory).choose { address in
                // Another cloud's VM may have it, on the same machine.
                !taken.contains(address) && isFree(address)
            }
            state.addresses[name] = address
            return address
        }
    }

    private func isFree(_ address: String) -> Bool {
        guard
            let probe = try? Listener.listen(on: .tcp(host: address, port: options.forwarderPort), loop: loop)
        else { return false }
        probe.close()
        return true
    }

    /// Starts the VM's first process, which holds the power from its first moment.
    private func powerOn(_ directory: MachineDirectory, _ name: String) throws(SystemCallError) {
        guard let lock = try FileLock.take(directory.power) else { return }
        var boot = ChildProcess.Options(executable: machine, arguments: ["boot", "-directory", directory.path])
        boot.environment = LocalCloud.guestEnvironment
        boot.workingDirectory = directory.path
        boot.output = .file(path: directory.console)
        boot.error = .file(path: directory.console)
        boot.newSession = true
        boot.descriptors = [(number: MachineDirectory.powerDescriptor, from: lock.descriptor)]
        let child = try ChildProcess.start(boot, on: loop)
        state.withLock { $0.children[name] = child }
        try directory.replace(directory.processNumber, with: "\(child.pid)")
    }

    /// What a guest gets of our environment: nothing that is secret or ours alone.
    private static var guestEnvironment: [String: String] {
        let passed: Set = ["PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "TSAN_OPTIONS", "ASAN_OPTIONS"]
        return Environment.all.filter { passed.contains($0.key) }
    }
}
