internal import Configuration
internal import FakeCloud
internal import LinuxIO
internal import Telemetry

/// What `fake-pod-vm boot` is told.
struct BootOptions: Sendable {
    var directory = "."

    static let command = Command(
        "fake-pod-vm boot", summary: "be a VM's first process, until it is switched off",
        details: """
            The directory holds machine.json, as the fake cloud writes it. After the boot delay this provisions from \
            the user data that the machine's metadata service has, and runs a forwarder and an agent; SIGTERM \
            switches off, killing all that came of it.
            """,
        defaults: BootOptions(),
        sections: [.init("Flags", [Setting("directory", \Self.directory, .path, "The VM's directory.")])])
}

/// `fake-pod-vm boot`.
enum BootCommand {
    static func run(_ options: BootOptions) -> Int32 {
        FakePodVMCommand.run("boot") { loop in
            let directory = MachineDirectory(options.directory)
            guard let machine = directory.machine else { throw NoMachine(path: directory.record) }
            let layout = GuestLayout(machine.kind, in: directory)
            if machine.kind == .host { try HostSetup.run(machine, layout) }
            let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.childEnded], on: loop)
            // Whatever a program of this VM leaves behind comes to us, so that it ends with us.
            ProcessTree.becomeSubreaper()
            let logger = Logger(level: .info).with("program", "boot").with("vm", machine.order.name)
            let guest = Guest(machine, layout, in: directory, on: loop, logger: logger)
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

    /// There is no VM to boot.
    private struct NoMachine: Error, CustomStringConvertible {
        let path: String
        var description: String { "\(path) is missing or no description of a VM: the fake cloud writes it" }
    }
}
