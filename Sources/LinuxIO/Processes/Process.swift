internal import Glibc

/// The process as its program sees it: what came in, and how it ends.
public enum Process {
    /// Runs `main` with the arguments (without the program's own name) and the environment, and ends with its status.
    public static func run(_ main: ([String], [String: String]) -> Int32) -> Never {
        exit(with: main(Array(CommandLine.arguments.dropFirst()), Environment.all))
    }

    /// Ends the process at once, whatever it is at: for who was asked to stop, and is asked again.
    public static func exit(with status: Int32) -> Never { Glibc.exit(status) }
}
