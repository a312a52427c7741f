internal import Configuration
internal import LinuxIO

/// `fake-pod-vm`: a pod VM without a machine.
public enum FakePodVMCommand {
    /// Runs what the arguments (without the program's path) ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            "fake-pod-vm", version: ProjectVersion.text,
            summary: "be a pod VM of the fake cloud: processes of this machine, without any isolation",
            entries: [
                .init("boot", BootOptions.command) { options, _, _ in BootCommand.run(options) },
                .init("agent", AgentOptions.command) { options, _, _ in AgentCommand.run(options) },
                .init(PauseCommand.word, PauseOptions.command) { _, _, _ in PauseCommand.run() },
                .init("tether", TetherOptions.command) { (options, operands, _) throws(ConfigurationError) in
                    try TetherCommand.run(options, operands)
                },
            ], output: output)
    }

    /// Runs `body` on a loop of its own; what it throws goes to standard error.
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
