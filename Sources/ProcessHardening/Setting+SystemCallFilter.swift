public import Configuration

extension Setting {
    /// The setting of the filter's mode, with the same flag, variable and help in all programs.
    public static func systemCallFilter(
        _ field: any WritableKeyPath<Options, SystemCallFilter.Mode> & Sendable
    ) -> Setting {
        Setting(
            "seccomp", environment: "SECCOMP", field,
            .choice(SystemCallFilter.Mode.allCases.map { ($0.rawValue, $0) }),
            """
            What happens to system calls that the program does not need. enforce: they fail. log: they succeed, and the \
            audit log has them. off: there is no filter.
            """)
    }
}
