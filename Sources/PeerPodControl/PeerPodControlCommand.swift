internal import Configuration

/// `peerpodctl`: what its arguments ask for.
public enum PeerPodControlCommand {
    /// Runs what the arguments (without the program's path) ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            "peerpodctl", version: ProjectVersion.text,
            summary: "play the kata shim against a cloud-api-adaptor, and look at its sandboxes",
            entries: [], usageStatus: ExitStatus.failure, output: output)
    }
}
