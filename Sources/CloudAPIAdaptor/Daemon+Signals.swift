internal import Kubernetes
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

extension Daemon {
    /// The timeout for the end of the services, including the time for StopVM. Unfinished work stays on record.
    private var shutdownTimeout: Duration {
        Self.stopVMTime + ClusterConnection.withdrawalTime + .seconds(5) + configuration.drainTime
    }

    /// Serves until a signal comes; returns the exit status.
    func serve(
        _ parts: Start, _ signals: Signals, on loop: EpollLoop
    ) async throws -> Int32 {
        let cloud = parts.cloud
        try dropPrivileges(using: cloud)
        let stop = Event()
        return try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await serve(parts, until: stop, on: loop)
                return 0
            }
            group.addTask {
                try await handleSignals(signals, cloud, stop, on: loop)
                return 1
            }
            defer { group.cancelAll() }
            return try await group.next().flatMap { $0 } ?? 0
        }
    }

    /// Stops the daemon at the first signal but SIGHUP, which reads the configuration again; exits at once at a second
    /// one, or when stopping exceeds its timeout.
    private func handleSignals(
        _ signals: Signals, _ cloud: Cloud, _ stop: Event, on loop: EpollLoop
    ) async throws {
        let first = try await nextStop(signals) {
            cloud.reload { proxyTimeout.change(to: $0.proxyTimeout) }
        }
        logger.info("Stopping", [LogField("signal", Int(first))])
        ServiceManager.notify("STOPPING=1", environment: environment)
        stop.set()
        do {
            let second = try await withDeadline(.now.advanced(by: shutdownTimeout), on: loop) {
                try await nextStop(signals)
            }
            logger.warning("Exiting at once because of a second signal", [LogField("signal", Int(second))])
        } catch is DeadlineExceeded {
            logger.error(
                "Exiting at once: stopping has exceeded its timeout; unfinished deletions stay on record",
                [LogField("seconds", shutdownTimeout.components.seconds)])
        }
        Process.exit(with: 1)
    }

    /// The next signal but SIGHUP. For each SIGHUP, it calls `body`.
    func nextStop(_ signals: Signals, atHangUp body: () -> Void = {}) async throws -> CInt {
        while true {
            let signal = try await signals.next()
            guard signal == Signals.hangUp else { return signal }
            body()
        }
    }
}
