internal import Glibc

/// The start and the end of the process: its arguments, its environment and its exit status.
public enum Process {
    /// Runs `main` with the arguments (without the program's own name) and the environment. Exits with the status of
    /// `main`.
    public static func run(_ main: ([String], [String: String]) -> Int32) -> Never {
        exit(with: main(Array(CommandLine.arguments.dropFirst()), Environment.all))
    }

    /// The name by which this process was started, without a path.
    public static var name: String { Files.name(of: CommandLine.arguments.first ?? "") }

    /// The process id of this process.
    public static var id: Int32 { getpid() }

    /// Exits immediately, also during other work. Use this when a program that is already stopping is asked again to
    /// stop.
    public static func exit(with status: Int32) -> Never { Glibc.exit(status) }
}
