internal import FakeCloud
internal import LinuxIO
internal import MachineIsolation
internal import Telemetry

/// The guest of a virtual machine: the firmware, kernel and programs of an image, in qemu.
///
///     boot delay ─> network, disk, TPM ─> qemu: status "running" ─> the guest switches off: status "failed"
final class VirtualGuest: BootedGuest {
    private let machine: MachineRecord
    private let hardware: VirtualHardware
    private let directory: MachineDirectory
    private let loop: EpollLoop
    private let logger: Logger
    private let timeline: BootTimeline
    private let awaited = Lock<Set<Int32>>([])

    /// How long the TPM may take to make its socket.
    private static let socketLimit = Duration.seconds(20)
    /// How long qemu may run after it has ended the TPM.
    private static let endLimit = Duration.seconds(60)

    init(
        _ machine: MachineRecord, _ hardware: VirtualHardware, in directory: MachineDirectory, on loop: EpollLoop,
        logger: Logger
    ) {
        self.machine = machine
        self.hardware = hardware
        self.directory = directory
        self.loop = loop
        self.logger = logger
        timeline = BootTimeline(of: machine, in: directory)
    }

    /// Makes the mounts of the machine, before anything else.
    static func isolate(_ machine: MachineRecord) throws {
        // The image can be anywhere, also below /run.
        try OwnMounts.begin(runDirectory: nil, hostName: machine.spec.name)
    }

    func run() async throws {
        timeline.mark(.poweredOn)
        try report(.booting)
        guard machine.spec.fault == .none || machine.spec.fault == .neverBoots else {
            throw Failure("a virtual machine cannot have the scenario's fault \(machine.spec.fault.rawValue)")
        }
        guard let network = VirtualNetwork(hardware) else { throw Failure("its description has no network") }
        try await loop.sleep(for: machine.spec.bootDelay)
        if machine.spec.fault == .neverBoots { return await Event().wait() }
        let emulator = Emulator(hardware: hardware, network: network)
        try await prepare(emulator)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let server = DHCPServer(
                network: network.network, gateway: network.gateway, hardwareAddress: network.guestHardwareAddress)
            group.addTask { try await server.run(on: VirtualNetwork.bridge, loop: self.loop) }
            group.addTask { try await self.runTPM() }
            group.addTask { try await self.runEmulator(emulator) }
            defer { group.cancelAll() }
            while try await group.next() != nil {}
        }
    }

    func fail(_ reason: String) {
        logger.error("the VM failed: \(reason)")
        try? report(.failed(reason))
    }

    func reapOrphans() { ProcessTree.reapOrphans(except: awaited.withLock { $0 }) }

    private func prepare(_ emulator: Emulator) async throws {
        let path = SystemInfo.workingDirectory
        try Files.write(emulator.network.commands.utf8, to: "\(path)/\(Emulator.File.network)", at: 0)
        try await run("ip", ["-batch", Emulator.File.network])
        try await run("qemu-img", emulator.diskArguments)
        let variables = try DurableFile.read("\(hardware.firmware)/OVMF_VARS_4M.fd", limit: 16 << 20)
        try Files.write(variables, to: "\(path)/\(Emulator.File.variables)", at: 0)
        try Files.makeDirectory("\(path)/\(Emulator.File.tpmState)")
        try await run("swtpm_setup", Emulator.tpmSetupArguments(in: path))
        logger.info(
            "powered on at \(machine.address), in qemu",
            [
                LogField("image", hardware.image), LogField("memory", "\(hardware.memory) MiB"),
                LogField("accelerator", hardware.isAccelerated ? "kvm" : "tcg"),
            ])
    }

    private func runTPM() async throws {
        let end = try await finish(options("swtpm", Emulator.tpmArguments(in: SystemInfo.workingDirectory)))
        // qemu ends the TPM before itself when the guest switches the VM off; the end of qemu has the reason.
        if end == .exited(0) { try await loop.sleep(for: Self.endLimit) }
        throw Failure("the TPM ended: \(end)")
    }

    private func runEmulator(_ emulator: Emulator) async throws {
        let limit = ContinuousClock.now.advanced(by: Self.socketLimit)
        while !Files.exists("\(SystemInfo.workingDirectory)/\(Emulator.File.tpmSocket)") {
            guard .now < limit else { throw Failure("the TPM has no socket after \(Self.socketLimit)") }
            try await loop.sleep(for: .milliseconds(5))
        }
        var options = options("qemu-system-x86_64", emulator.arguments)
        options.output = .pipe
        let child = try start(options)
        defer { forget(child) }
        timeline.mark(.booted)
        // As Azure reports a VM without its agent: created as soon as it has power.
        try report(.running)
        var console = SerialConsole(of: directory)
        while let output = child.output {
            let bytes = try await output.read(upTo: 64 << 10)
            if bytes.isEmpty { break }
            try console.append(bytes)
        }
        switch try await child.wait() {
        case .exited(0): throw Failure("the guest has switched the VM off")
        case let end: throw Failure("qemu ended: \(end); see \(machine.spec.name)/console.log")
        }
    }

    private func run(_ program: String, _ arguments: [String]) async throws {
        let end = try await finish(options(program, arguments))
        if end != .exited(0) { throw Failure("\(program) ended: \(end); see \(machine.spec.name)/console.log") }
    }

    private func options(_ program: String, _ arguments: [String]) -> ChildProcess.Options {
        ChildProcess.Options(executable: hardware.program(program), arguments: arguments)
    }

    private func start(_ options: ChildProcess.Options) throws -> ChildProcess {
        let child = try ChildProcess.start(options, on: loop)
        awaited.withLock { _ = $0.insert(child.pid) }
        return child
    }

    private func forget(_ child: ChildProcess) { awaited.withLock { _ = $0.remove(child.pid) } }

    private func finish(_ options: ChildProcess.Options) async throws -> ChildProcess.ExitStatus {
        let child = try start(options)
        defer { forget(child) }
        return try await child.wait()
    }

    private func report(_ status: GuestStatus) throws { try directory.replace(directory.status, with: "\(status)") }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}
