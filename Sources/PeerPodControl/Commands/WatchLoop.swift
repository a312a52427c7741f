internal import Configuration
internal import LinuxIO
internal import Telemetry

/// Shows a report once, or repeatedly until Ctrl-C, as watch(1) does.
struct WatchLoop: Sendable {
    /// Shows one report; returns the exit status if it was the only one.
    typealias Show = @Sendable (EpollLoop, _ isRepeated: Bool) async -> Int32

    /// The pause between reports; nil for a single report.
    let interval: Duration?

    /// Writes what precedes each of several reports: on a terminal the new report replaces the old one.
    static func begin(_ output: Program.Output) {
        if StandardOutput.isTerminal {
            // A command for the terminal, which `output` would show instead.
            StandardOutput.write("\u{1b}[H\u{1b}[2J")
        } else {
            output.standard("\(WallTime.now)\n")
        }
    }

    /// Shows the report on a loop of this thread; returns the exit status of a single report, or success once
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
                // A missing adaptor is reported each time, and may come back.
                repeat { await show() } while (try? await loop.sleep(for: interval)) != nil
            }
            await group.next()
            group.cancelAll()
            return ExitStatus.success
        }
    }
}
