internal import Configuration
package import LinuxIO

/// The event loop of a simulator's command.
package enum SimulatorLoop {
    /// Runs `body` on an event loop; writes an error to standard error, after the command's name. Returns the exit status.
    package static func run(_ command: String, _ body: @escaping @Sendable (EpollLoop) async throws -> Void) -> Int32 {
        Signals.ignoreBrokenPipes()
        do {
            try EpollLoop.run(body)
            return 0
        } catch {
            Program.Output.process.error("\(command): \(error)\n")
            return 1
        }
    }
}
