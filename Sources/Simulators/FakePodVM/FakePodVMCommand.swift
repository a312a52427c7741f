internal import Configuration
internal import FakeAgent
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
}
