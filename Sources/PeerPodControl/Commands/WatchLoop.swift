internal import Configuration
internal import LinuxIO
internal import Telemetry

/// Prints a report once, or repeatedly until Ctrl-C, like watch(1).
struct WatchLoop: Sendable {
    /// Prints one report. Returns the exit status, which is used only for a single report.
    typealias Show = @Sendable (EpollLoop, _ isRepeated: Bool) async -> Int32

    /// The pause between reports; nil for a single report.
    let interval: Duration?

    /// Writes the separator before each of several reports: on a terminal the new report replaces the old one.
    static func begin(_ output: Program.Output) {
        if StandardOutput.isTerminal {
            // A command for the terminal, which `output` would print as text.
            StandardOutput.write("\u{1b}[H\u{1b}[2J")
        } else {
            output.standard("\(WallTime.now)\n")
        }
    }

    /// Prints the report on a loop of this thread. Returns the exit status of a single report, or success when
    /// interrupted.
    func run(_ command: String, _ output: Program.Output, _ show: @escaping Show) -> Int32 {
        Signals.ignoreBrokenPipes()
        do {
            return try EpollLoop.run { loop in
                guard let interval else { return await show(loop, false) }
                return try await self.repeat(every: interval, on: loop) { _ = await show(loop, true) }
            }
        } catch {
            output.error("\(command): \(error)\n")
            return ExitStatus.failure
        }
    }

    private func `repeat`(
        every interval: Duration, on loop: EpollLoop, _ show: @escaping @Sendable () async -> Void
    ) async throws -> Int32 {
        let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await signals.next() }
            group.addTask {
                // A missing adaptor is reported each time, and may start again.
                repeat { await show() } while (try? await loop.sleep(for: interval)) != nil
            }
            await group.next()
            group.cancelAll()
            return ExitStatus.success
        }
    }
}
