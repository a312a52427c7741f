internal import Configuration
internal import LinuxIO
internal import Telemetry

/// Shows something once, or again and again until Ctrl-C, as watch(1) does.
struct Repetition: Sendable {
    /// Shows one picture; returns the exit status if it was the only one.
    typealias Show = @Sendable (EpollLoop, _ isRepeated: Bool) async -> Int32

    /// The pause between pictures; nil: there is but one.
    let interval: Duration?

    /// Writes what comes before each of several pictures: on a terminal the new one takes the place of the old one.
    static func begin(_ output: Program.Output) {
        if StandardOutput.isTerminal {
            // A command for the terminal, which `output` would show instead.
            StandardOutput.write("\u{1b}[H\u{1b}[2J")
        } else {
            output.standard("\(WallTime.now)\n")
        }
    }

    /// Shows it on a loop of this thread; returns the exit status of the one picture, or success once interrupted.
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
                // An adaptor that is away is shown as that, and may come back.
                repeat { await show() } while (try? await loop.sleep(for: interval)) != nil
            }
            await group.next()
            group.cancelAll()
            return ExitStatus.success
        }
    }
}
