internal import Configuration
internal import FakeCloud
internal import LinuxIO
internal import Telemetry

/// The program `fake-azure`.
public enum FakeAzureCommand {
    /// Runs what `arguments`, without the program's own name, ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            FakeAzureServerSettings.command.name, version: ProjectVersion.text,
            summary: FakeAzureServerSettings.command.summary,
            entries: [],
            main: Program.Entry("", FakeAzureServerSettings.command) { (settings, _, _) throws(ConfigurationError) in
                let logger = Logger(level: settings.logLevel, format: settings.logFormat)
                return FakeAzureService(
                    options: try settings.options(), environmentFile: settings.environmentFile,
                    isSupervised: settings.isSupervised,
                    // A parent's log and this one are often the same file.
                    logger: settings.isSupervised ? logger.with("component", "fake-azure") : logger, output: output
                ).run()
            }, output: output)
    }
}
