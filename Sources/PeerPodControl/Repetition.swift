internal import LinuxIO
internal import Telemetry

/// Shows something again and again until Ctrl-C, as watch(1) does.
struct Repetition: Sendable {
    let interval: Duration

    /// What comes before each of the pictures: on a terminal the new one takes the place of the old one.
    static var head: String { StandardOutput.isTerminal ? "\u{1b}[H\u{1b}[2J" : "\(WallTime.now)\n" }

    /// Returns the exit status once interrupted; what `show` fails at is shown, and tried again.
    func run(on loop: EpollLoop, _ show: @escaping @Sendable () async -> Void) async throws -> Int32 {
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
