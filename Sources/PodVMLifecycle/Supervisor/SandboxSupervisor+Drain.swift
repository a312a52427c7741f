internal import Telemetry

extension SandboxSupervisor {
    /// The time between two looks at the deletions that run.
    private static var drainPause: Duration { .milliseconds(100) }

    /// Waits until no VM is being deleted, but not longer than `limit`. The log has each change of their number.
    ///
    /// - Throws: when the task is cancelled.
    public func drain(within limit: Duration) async throws {
        if limit == .zero { return }
        let end = clock.now.advanced(by: limit)
        var logged: Int?
        while true {
            let count = sandboxes().count { $0.state == .deleting }
            if count == 0 { break }
            guard clock.now < end else {
                return logger.warning(
                    "Deletions have not ended in time; the next process continues them",
                    [LogField("deletions", count), LogField("seconds", limit.components.seconds)])
            }
            if count != logged {
                let left = clock.now.duration(to: end).components.seconds
                logger.info("Waiting for deletions", [LogField("deletions", count), LogField("seconds left", left)])
                logged = count
            }
            try await clock.sleep(for: Self.drainPause)
        }
        if logged != nil { logger.info("All deletions have ended") }
    }
}
