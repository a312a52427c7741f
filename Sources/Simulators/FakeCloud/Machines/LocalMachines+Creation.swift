internal import LinuxIO
internal import Telemetry

extension LocalMachines {
    /// The directory appears in one step: a directory with a machine's name is complete.
    func write(_ spec: MachineSpec, at address: String, _ hardware: VirtualHardware?) throws(SystemCallError) {
        var (spec, kind) = (spec, MachineKind.processes)
        if case .bridge = connection {
            kind = .host
            spec.metadataEndpoint = "http://\(HostBridge.metadata)"
        }
        var record = MachineRecord(
            spec, kind: kind, address: address, port: options.forwarderPort, created: .now, forwarder: forwarder,
            forwarderFlags: options.forwarderFlags, agentFlags: options.agentFlags)
        record.hardware = hardware
        let directory = directoryOf(spec.name)
        try Files.removeTree(directory.path)  // A directory without a record is not a machine.
        let unfinished = MachineDirectory(try Files.makeTemporaryDirectory(prefix: "\(options.directory)/.new-"))
        try Files.write(record.encoded, to: unfinished.record, at: 0)
        try Files.move(unfinished.path, to: directory.path)
    }

    /// Starts the machine's first process, which holds the power file open from the beginning.
    func start(_ directory: MachineDirectory, _ name: String) async throws {
        guard let lock = try FileLock.take(directory.power) else { return }
        var boot = ChildProcess.Options(executable: machine, arguments: ["boot", "-directory", directory.path])
        boot.environment = LocalMachines.guestEnvironment
        boot.workingDirectory = directory.path
        boot.output = .file(path: directory.console)
        boot.error = .file(path: directory.console)
        boot.newSession = true
        boot.descriptors = [(number: MachineDirectory.powerDescriptor, from: lock.descriptor)]
        guard let record = directory.machine, record.kind == .host else {
            return try start(boot, directory, name)
        }
        boot.networkNamespace = try await connect(record)
        boot.isMachine = true
        // The machine's own /run can hide the path.
        boot.arguments = ["boot", "-directory", "."]
        do {
            // The listener exists before the machine's first request.
            let listener = try Listener.listen(on: HostBridge.metadata, loop: loop, in: boot.networkNamespace)
            state.withLock { $0.metadata[name] = listener }
            try start(boot, directory, name)
        } catch {
            state.withLock { $0.metadata.removeValue(forKey: name) }?.close()
            try? await disconnect(record)
            throw error
        }
    }

    private func start(
        _ boot: ChildProcess.Options, _ directory: MachineDirectory, _ name: String
    ) throws(SystemCallError) {
        let child = try ChildProcess.start(boot, on: loop)
        state.withLock { $0.children[name] = child }
        try directory.replace(directory.processNumber, with: "\(child.pid)")
    }

    private func connect(_ machine: MachineRecord) async throws -> NetworkNamespace {
        switch connection {
        case .bridge(let bridge):
            return try await Thread.offLoop { try bridge.makeHost(named: machine.spec.name, at: machine.address) }
        case .loopback(let reason):
            throw MachineError(
                "connect machine \(machine.spec.name)", "it is a host, and this process cannot create hosts: \(reason)")
        }
    }

    /// Removes a host's veth pair. The kernel also removes it with the host's last process, but later.
    func disconnect(_ machine: MachineRecord) async throws {
        let (home, connection) = (options.home, connection)
        try await Thread.offLoop {
            try HostBridge.removeHost(at: machine.address, in: home)
            // After the disconnection, because a packet would create the entry again.
            if case .bridge(let bridge) = connection { try bridge.forgetHost(at: machine.address) }
        }
    }

    func isFree(_ address: String) -> Bool {
        guard
            let probe = try? Listener.listen(on: .tcp(host: address, port: options.forwarderPort), loop: loop)
        else { return false }
        probe.close()
        return true
    }

    /// The part of this process's environment that a guest gets: nothing secret.
    private static var guestEnvironment: [String: String] {
        let passed: Set = ["PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "TSAN_OPTIONS", "ASAN_OPTIONS"]
        return Environment.all.filter { passed.contains($0.key) }
    }
}
