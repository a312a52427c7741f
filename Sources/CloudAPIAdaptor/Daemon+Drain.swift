internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

extension Daemon {
    /// The time between two looks at the deletions that run.
    private static let drainPause = Duration.milliseconds(100)

    /// Waits until no VM is being deleted, but not longer than `-drain`. The log has each change of their number.
    func drain(_ supervisor: SandboxSupervisor, on loop: EpollLoop) async throws {
        if configuration.drainTime == .zero { return }
        let end = ContinuousClock.now.advanced(by: configuration.drainTime)
        var logged: Int?
        while true {
            let count = supervisor.sandboxes().count { $0.state == .deleting }
            if count == 0 { break }
            guard ContinuousClock.now < end else {
                return logger.warning(
                    "Deletions have not ended in time; the next process continues them",
                    [LogField("deletions", count), LogField("seconds", configuration.drainTime.components.seconds)])
            }
            if count != logged {
                let left = ContinuousClock.now.duration(to: end).components.seconds
                logger.info("Waiting for deletions", [LogField("deletions", count), LogField("seconds left", left)])
                logged = count
            }
            try await loop.sleep(for: Self.drainPause)
        }
        if logged != nil { logger.info("All deletions have ended") }
    }
}
