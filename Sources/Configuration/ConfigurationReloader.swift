internal import LinuxIO
package import Telemetry

/// Reads the settings of a running process again, and passes them on if they can be used.
///
/// A configuration with a fault is refused as a whole. A changed setting that needs a restart keeps its value, and the log
/// names it.
package final class ConfigurationReloader<Options: Sendable>: Sendable {
    /// Parses the command line, the environment and the settings file again.
    package typealias Reread = @Sendable () throws(ConfigurationError) -> Options

    private let command: Command<Options>
    private let changeable: Set<String>
    private let reread: Reread
    private let started: Options
    private let last: Lock<Options>
    private let logger: Logger
    private let reloads: Counter
    private let loaded: Gauge

    /// A reloader for a process that was started with the options `started`. `changeable` has the names of the settings that
    /// can change while the process runs.
    package init(
        _ command: Command<Options>, started: Options, changeable: Set<String>, logger: Logger, metrics: Metrics,
        reread: @escaping Reread
    ) {
        self.command = command
        self.changeable = changeable
        self.reread = reread
        self.started = started
        self.logger = logger
        last = Lock(started)
        reloads = metrics.counter(
            "peerpods_configuration_reloads_total", "Configurations read again: used or refused.", labels: ["outcome"])
        loaded = metrics.gauge(
            "peerpods_configuration_loaded_timestamp_seconds",
            "When the configuration in use was read, in seconds since 1970.")
        loaded.set(Double(WallTime.now.secondsSinceEpoch))
    }

    /// Reads the settings again and passes them to `use`, which changes nothing if it throws. The log has the result.
    package func reload(_ use: (Options) throws -> Void) {
        do {
            let new = try reread()
            try use(new)
            let before = last.withLock { last in
                defer { last = new }
                return last
            }
            for (name, _) in differences(of: new, from: started) where !changeable.contains(name) {
                logger.warning("The changed setting needs a restart; its old value stays", [LogField("setting", name)])
            }
            let changed = differences(of: new, from: before).filter { changeable.contains($0.name) }
            logger.info("Configuration reloaded", changed.map { LogField($0.name, $0.value) })
            reloads.increment("used")
            loaded.set(Double(WallTime.now.secondsSinceEpoch))
        } catch {
            for problem in (error as? ConfigurationError)?.problems ?? ["\(error)"] {
                logger.error(
                    "The new configuration is refused; the old one stays in use", [LogField("problem", problem)])
            }
            reloads.increment("refused")
        }
    }

    /// The settings of `new` that have another value in `old`. A secret has the value `‹secret›`.
    private func differences(of new: Options, from old: Options) -> [(name: String, value: String)] {
        zip(command.values(of: new), command.values(of: old)).filter { $0.value != $1.value }.map(\.0)
    }
}
