public import Telemetry

extension Setting {
    /// The setting of the log's level, with the same flag, variable and help in all programs.
    public static func logLevel(_ field: any WritableKeyPath<Options, LogLevel> & Sendable) -> Setting {
        Setting(
            "log-level", environment: "LOG_LEVEL", field, .choice(LogLevel.allCases.map { ($0.description, $0) }),
            "The lowest level that is logged.")
    }

    /// The setting of the log's format, with the same flag, variable and help in all programs.
    public static func logFormat(_ field: any WritableKeyPath<Options, Logger.Format> & Sendable) -> Setting {
        Setting(
            "log-format", environment: "LOG_FORMAT", field,
            .choice([("automatic", .automatic), ("human", .human), ("json", .json), ("upstream", .upstream)]),
            """
            The format of log lines. automatic: human on a terminal, json elsewhere. upstream: with the prefix of the Go \
            adaptor, whose end-to-end tests read its log.
            """)
    }
}
