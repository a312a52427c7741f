internal import FakeCloud
internal import LinuxIO
internal import Telemetry

/// The programs of a fake VM: does what systemd does in a pod VM's image.
///
///     boot delay ─> provision ─> status "running" ─┬─> forwarder, started again when it fails
///                                                  └─> agent
final class Guest: BootedGuest {
    private let machine: MachineRecord
    private let layout: GuestLayout
    private let directory: MachineDirectory
    private let loop: EpollLoop
    private let logger: Logger
    private let timeline: BootTimeline
    /// The ids of processes for which a task waits.
    private let awaited = Lock<Set<Int32>>([])

    /// As `RestartSec=` in the forwarder's unit of the image.
    private static let restartDelay = Duration.milliseconds(200)

    init(
        _ machine: MachineRecord, _ layout: GuestLayout, in directory: MachineDirectory, on loop: EpollLoop,
        logger: Logger
    ) {
        self.machine = machine
        self.layout = layout
        self.directory = directory
        self.loop = loop
        self.logger = logger
        timeline = BootTimeline(of: machine, in: directory)
    }

    /// Boots, and runs until it is cancelled or its fault ends it.
    func run() async throws {
        timeline.mark(.poweredOn)
        try report(.booting)
        switch machine.kind {
        case .host: logger.info("powered on at \(machine.address), with interfaces, mounts and processes of its own")
        case .processes: logger.info("powered on at \(machine.address), without any isolation")
        }
        try await loop.sleep(for: machine.spec.bootDelay)
        if machine.spec.fault == .provisioning { throw Failure("the scenario makes provisioning fail") }
        if machine.spec.fault == .neverBoots { return try await Event().waitForEver() }
        timeline.mark(.booted)
        try Files.makeDirectories(layout.provisioned)
        try await provision()
        timeline.mark(.provisioned)
        try report(.running)
        try await runServices()
    }

    /// Reports why the VM has failed; its processes end.
    func fail(_ reason: String) {
        logger.error("the VM failed: \(reason)")
        try? report(.failed(reason))
    }

    /// Reaps processes whose parents have ended and that are now children of this process.
    func reapOrphans() { ProcessTree.reapOrphans(except: awaited.withLock { $0 }) }

    private func provision() async throws {
        let arguments = [
            "provision", "-imds-endpoint", machine.spec.metadataEndpoint, "-root", layout.provisioned,
            // What an image of a real VM decides: this machine has no TPM, and its pods need no initdata.
            "-tpm", "none", "-require-initdata=false",
        ]
        let end = try await run(options(machine.forwarder, arguments))
        if end != .exited(0) { throw Failure("provisioning ended with \(end): see \(directory.console)") }
    }

    private func runServices() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.runAgent() }
            group.addTask { try await self.runForwarder() }
            // A machine without programs stays on.
            group.addTask { try await Event().waitForEver() }
            if machine.spec.fault.isMortal {
                group.addTask {
                    try await self.loop.sleep(for: self.machine.spec.life)
                    throw Failure("the scenario ends the guest")
                }
            }
            defer { group.cancelAll() }
            // The first failure ends all; `waitForAll` would wait for the others first.
            while try await group.next() != nil {}
        }
    }

    private func runAgent() async throws {
        guard machine.spec.fault.startsAgent else { return }
        var arguments = [
            "agent", "-socket", layout.agentSocket, "-shared-tree", layout.sharedTree, "-parent",
            "\(ProcessTree.current)",
        ]
        if machine.kind == .host { arguments.append("-network-namespaces") }
        if machine.spec.fault == .agentUnwell { arguments.append("-not-serving") }
        if machine.spec.fault == .agentDies { arguments += ["-die-after", "\(machine.spec.life.milliseconds)ms"] }
        arguments += ["-auth-file", layout.provisioned + "/auth.json"] + machine.agentFlags
        let (agent, end) = try await runAndName(options(SystemInfo.executablePath, arguments))
        logger.warning("the agent ended with \(end)", [LogField("pid", "\(agent)")])
        // Its containers were its children, and are now children of this process.
        for child in ProcessTable.children(of: ProcessTree.current)
        where !awaited.withLock({ $0.contains(child.pid) }) {
            ProcessTree.killDescendants(of: child.pid)
            ProcessTree.signal(child.pid, Signals.kill)
        }
    }

    private func runForwarder() async throws {
        guard machine.spec.fault.startsForwarder else { return }
        // An abstract name, because a path could be too long.
        let notifications = "@fake-pod-vm-\(ProcessTree.current)"
        let heard = try ServiceManager.listen(at: notifications, on: loop)
        defer { heard.close() }
        let store = FakeDescriptorStore(heard)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    if try store.readMessages() { self.timeline.mark(.ready) }
                    try await store.wait()
                }
            }
            defer { group.cancelAll() }
            while true {
                let end = try await run(forwarder(notifications, store))
                if end == .exited(0) { return logger.info("the forwarder has ended") }
                // As systemd does, before the next process begins.
                if try store.readMessages() { timeline.mark(.ready) }
                logger.warning("the forwarder ended with \(end); it is started again in \(Guest.restartDelay)")
                try await loop.sleep(for: Guest.restartDelay)
            }
        }
    }

    private func forwarder(_ notifications: String, _ store: FakeDescriptorStore) -> ChildProcess.Options {
        let passed = store.passed
        var service = options(
            SystemInfo.executablePath,
            [
                "die-with-parent", "-parent", "\(ProcessTree.current)", "-descriptors",
                passed.names.joined(separator: ":"), "--", machine.forwarder,
                "-config", layout.provisioned + "/apf.json",
                "-listen", "\(machine.address):\(machine.port)",
                "-kata-agent-socket", layout.agentSocket, "-pod-namespace", layout.podNamespace,
            ] + machine.forwarderFlags)
        service.descriptors = passed.descriptors
        service.environment = Environment.all.merging(store.environment) { _, new in new }
            .merging(["NOTIFY_SOCKET": notifications]) { _, new in new }
        return service
    }

    private func options(_ executable: String, _ arguments: [String]) -> ChildProcess.Options {
        var options = ChildProcess.Options(executable: executable, arguments: arguments)
        options.workingDirectory = directory.path
        return options
    }

    private func run(_ options: ChildProcess.Options) async throws -> ChildProcess.ExitStatus {
        try await runAndName(options).end
    }

    private func runAndName(
        _ options: ChildProcess.Options
    ) async throws -> (pid: Int32, end: ChildProcess.ExitStatus) {
        let child = try ChildProcess.start(options, on: loop)
        awaited.withLock { _ = $0.insert(child.pid) }
        defer { awaited.withLock { _ = $0.remove(child.pid) } }
        return (child.pid, try await child.wait())
    }

    private func report(_ status: GuestStatus) throws {
        try directory.replace(directory.status, with: "\(status)")
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}

extension Event {
    /// Waits until cancelled.
    fileprivate func waitForEver() async throws {
        await wait()
        try Task.checkCancellation()
    }
}
