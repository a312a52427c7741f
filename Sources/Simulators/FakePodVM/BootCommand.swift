internal import Configuration
internal import FakeAgent
internal import FakeCloud
internal import LinuxIO
internal import Telemetry

/// The flags of `fake-pod-vm boot`.
struct BootOptions: Sendable {
    var directory = "."

    static let command = Command(
        "fake-pod-vm boot", summary: "run as the first process of a VM, until it is switched off",
        details: """
            The directory contains machine.json, which fake-azure writes. After the boot delay, the command provisions \
            the VM with the user data of the machine's metadata service, and runs a forwarder and an agent. SIGTERM \
            switches the VM off and kills all its processes.
            """,
        defaults: BootOptions(),
        sections: [.init("Flags", [Setting("directory", \Self.directory, .path, "The VM's directory.")])])
}

/// `fake-pod-vm boot`.
enum BootCommand {
    static func run(_ options: BootOptions) -> Int32 {
        SimulatorLoop.run("fake-pod-vm boot") { loop in
            let directory = MachineDirectory(options.directory)
            guard let machine = directory.machine else { throw NoMachine(path: directory.record) }
            let layout = GuestLayout(machine.kind, in: directory)
            if machine.hardware != nil {
                try VirtualGuest.isolate(machine)
            } else if machine.kind == .host {
                try HostSetup.run(machine, layout)
            }
            let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.childEnded], on: loop)
            // Daemons of this VM's programs become children of this process, so that they end with it.
            ProcessTree.becomeSubreaper()
            let logger = Logger(level: .info).with("program", "boot").with("vm", machine.spec.name)
            let guest: any BootedGuest =
                if let hardware = machine.hardware {
                    VirtualGuest(machine, hardware, in: directory, on: loop, logger: logger)
                } else {
                    Guest(machine, layout, in: directory, on: loop, logger: logger)
                }
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    do {
                        try await guest.run()
                    } catch is CancellationError {
                    } catch {
                        guest.fail("\(error)")
                    }
                }
                group.addTask {
                    while (try? await signals.next()) == Signals.childEnded { guest.reapOrphans() }
                    logger.info("switched off")
                }
                await group.next()
                group.cancelAll()
            }
            await Descendants.end(on: loop)
        }
    }

    /// The directory has no description of a VM.
    private struct NoMachine: Error, CustomStringConvertible {
        let path: String
        var description: String { "\(path) does not exist or is not a description of a VM: fake-azure writes it" }
    }
}
