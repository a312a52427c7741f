internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

extension Daemon {
    /// What ends a standby.
    private enum StandbyEnd: Sendable {
        case locked(PodsDirectoryLock)
        case signal(CInt)
    }

    /// The right to use the pods directory. While another process has it, this process is a standby: it answers the
    /// probes and waits. Nil when a signal ends the wait.
    ///
    /// - Throws: `LifecycleError`: the directory cannot be used, or, without `-standby`, another process uses it.
    func lockPodsDirectory(_ signals: Signals, _ metrics: Metrics, on loop: EpollLoop) async throws
        -> PodsDirectoryLock?
    {
        let path = configuration.podsDirectory
        guard configuration.standsBy else { return try PodsDirectoryLock.take(path) }
        if let lock = try PodsDirectoryLock.takeIfFree(path) { return lock }
        let probes = try probeServer(.standby(metrics: metrics), on: loop)
        logger.info(
            "Standby: another cloud-api-adaptor uses the pods directory; waiting for its end, then taking over",
            [
                LogField("directory", path),
                LogField("process", PodsDirectoryLock.holder(of: path).map(String.init) ?? "unknown"),
                LogField("probes", probes.address),
            ])
        let ends = try await withThrowingTaskGroup(of: StandbyEnd?.self) { group in
            group.addTask { .locked(try await PodsDirectoryLock.wait(for: path, on: loop)) }
            group.addTask { .signal(try await nextStop(signals)) }
            group.addTask {
                try await probes.run()
                return nil
            }
            guard let first = try await group.next() else { return [StandbyEnd]() }
            group.cancelAll()
            // A signal may have come at the same moment as the lock.
            var ends = [first].compactMap(\.self)
            while let next = await group.nextResult() { if case .success(let end?) = next { ends.append(end) } }
            return ends
        }
        return takeOver(after: ends)
    }

    /// The lock, if there was no signal.
    private func takeOver(after ends: [StandbyEnd]) -> PodsDirectoryLock? {
        var lock: PodsDirectoryLock?
        for end in ends {
            switch end {
            case .locked(let taken): lock = taken
            case .signal(let number):
                logger.info("Stopped in standby", [LogField("signal", Int(number))])
                return nil
            }
        }
        logger.info(
            "Taking over: the other cloud-api-adaptor has ended", [LogField("directory", configuration.podsDirectory)])
        return lock
    }
}
