internal import Configuration
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

extension Daemon {
    /// The metrics of the configuration in use.
    struct ReloadMetrics: Sendable {
        private let reloads: Counter
        private let loaded: Gauge

        init(_ metrics: Metrics) {
            reloads = metrics.counter(
                "peerpods_configuration_reloads_total", "Configurations read again: used or refused.",
                labels: ["outcome"])
            loaded = metrics.gauge(
                "peerpods_configuration_loaded_timestamp_seconds",
                "When the configuration in use was read, in seconds since 1970.")
            loaded.set(Double(WallTime.now.secondsSinceEpoch))
        }

        fileprivate func count(_ isUsed: Bool) {
            reloads.increment(isUsed ? "used" : "refused")
            if isUsed { loaded.set(Double(WallTime.now.secondsSinceEpoch)) }
        }
    }

    /// Who uses the proxy timeout: it can change before the supervisor exists.
    final class ProxyTimeout: Sendable {
        private let state: Lock<(timeout: Duration, supervisor: SandboxSupervisor?)>

        init(_ timeout: Duration) { state = Lock((timeout, nil)) }

        /// Gives the supervisor the timeout in use, and every later one.
        func pass(to supervisor: SandboxSupervisor) {
            state.withLock { state in
                state.supervisor = supervisor
                supervisor.use(proxyTimeout: state.timeout)
            }
        }

        fileprivate func change(to timeout: Duration) {
            state.withLock { state in
                state.timeout = timeout
                state.supervisor?.use(proxyTimeout: timeout)
            }
        }
    }

    /// Uses the configuration as it is now. A configuration with a fault is refused as a whole.
    func reload(_ cloud: Cloud, _ metrics: ReloadMetrics) {
        do {
            let reloaded = try cloud.reload()
            if let timeout = reloaded.proxyTimeout { proxyTimeout.change(to: timeout) }
            for name in reloaded.ignored {
                logger.warning("The changed setting needs a restart; its old value stays", [LogField("setting", name)])
            }
            logger.info("Configuration reloaded", reloaded.changed.map { LogField($0.name, $0.value) })
            metrics.count(true)
        } catch {
            for problem in Self.problems(of: error) {
                logger.error(
                    "The new configuration is refused; the old one stays in use", [LogField("problem", problem)])
            }
            metrics.count(false)
        }
    }

    private static func problems(of error: any Error) -> [String] {
        if let error = error as? ConfigurationError { return error.problems }
        if let error = error as? ProviderError { return [error.detail] }
        return ["\(error)"]
    }
}
