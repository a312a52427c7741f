internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle
internal import Probes
internal import Telemetry

extension Daemon {
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
        let probes = try ProbeEndpoints.standby(metrics: metrics)
            .serve(onPort: configuration.probePort, loop: loop, logger: logger)
        logger.info(
            "Standby: another cloud-api-adaptor uses the pods directory; waiting for its end, then taking over",
            [
                LogField("directory", path),
                LogField("process", PodsDirectoryLock.holder(of: path).map(String.init) ?? "unknown"),
                LogField("probes", probes.address),
            ])
        let lock = try await PodsDirectoryLock.wait(for: path, on: loop) {
            let signal = try await nextStop(signals)
            logger.info("Stopped in standby", [LogField("signal", Int(signal))])
        } running: {
            try await probes.run()
        }
        if lock != nil {
            logger.info(
                "Taking over: the other cloud-api-adaptor has ended", [LogField("directory", path)])
        }
        return lock
    }
}
