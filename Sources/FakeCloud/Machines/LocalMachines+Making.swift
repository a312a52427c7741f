internal import LinuxIO
internal import Telemetry

extension LocalMachines {
    /// All of it appears in one step: a directory with a name is a whole machine.
    func write(_ order: MachineOrder, at address: String) throws(SystemCallError) {
        let record = MachineRecord(
            order, address: address, port: options.forwarderPort, created: .now, forwarder: forwarder,
            forwarderFlags: options.forwarderFlags)
        let directory = directoryOf(order.name)
        try Files.removeTree(directory.path)  // Without a record it is no machine.
        let unfinished = MachineDirectory(try Files.makeTemporaryDirectory(prefix: "\(options.directory)/.new-"))
        try Files.write(record.encoded, to: unfinished.record, at: 0)
        try Files.move(unfinished.path, to: directory.path)
    }

    /// Starts the machine's first process, which holds the power from its first moment.
    func start(_ directory: MachineDirectory, _ name: String) throws(SystemCallError) {
        guard let lock = try FileLock.take(directory.power) else { return }
        var boot = ChildProcess.Options(executable: machine, arguments: ["boot", "-directory", directory.path])
        boot.environment = LocalMachines.guestEnvironment
        boot.workingDirectory = directory.path
        boot.output = .file(path: directory.console)
        boot.error = .file(path: directory.console)
        boot.newSession = true
        boot.descriptors = [(number: MachineDirectory.powerDescriptor, from: lock.descriptor)]
        let child = try ChildProcess.start(boot, on: loop)
        state.withLock { $0.children[name] = child }
        try directory.replace(directory.processNumber, with: "\(child.pid)")
    }

    func isFree(_ address: String) -> Bool {
        guard
            let probe = try? Listener.listen(on: .tcp(host: address, port: options.forwarderPort), loop: loop)
        else { return false }
        probe.close()
        return true
    }

    /// What a guest gets of our environment: nothing that is secret or ours alone.
    private static var guestEnvironment: [String: String] {
        let passed: Set = ["PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "TSAN_OPTIONS", "ASAN_OPTIONS"]
        return Environment.all.filter { passed.contains($0.key) }
    }
}
