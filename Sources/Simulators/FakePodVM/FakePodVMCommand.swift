internal import Configuration
internal import LinuxIO

/// The program `fake-pod-vm`: the processes of a pod VM, without a virtual machine.
public enum FakePodVMCommand {
    /// Runs what the arguments (without the program's path) ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            "fake-pod-vm", version: ProjectVersion.text,
            summary: "run a pod VM of the fake Azure as processes of this machine",
            entries: [
                .init("boot", BootOptions.command) { options, _, _ in BootCommand.run(options) },
                .init("agent", AgentOptions.command) { options, _, _ in AgentCommand.run(options) },
                .init(PauseCommand.word, PauseOptions.command) { _, _, _ in PauseCommand.run() },
                .init("die-with-parent", DieWithParentOptions.command) {
                    (options, operands, _) throws(ConfigurationError) in
                    try DieWithParentCommand.run(options, operands)
                },
            ], output: output)
    }

    /// Runs `body` on an event loop; writes an error to standard error.
    static func run(_ name: String, _ body: @escaping @Sendable (EpollLoop) async throws -> Void) -> Int32 {
        Signals.ignoreBrokenPipes()
        do {
            try EpollLoop.run(body)
            return 0
        } catch {
            Program.Output.process.error("fake-pod-vm \(name): \(error)\n")
            return 1
        }
    }
}
