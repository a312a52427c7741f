internal import Configuration
internal import Telemetry

/// `peerpodctl`: the command that its arguments select.
public enum PeerPodControlCommand {
    /// Runs the command of the arguments (without the program's path); returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            "peerpodctl", version: ProjectVersion.text,
            summary: "run test pods and inspect the sandboxes of a cloud-api-adaptor",
            entries: [
                .init("run", RunOptions.command) { options, command, _ throws(ConfigurationError) in
                    let report = options.isJSON ? .json : options.report
                    return RunCommand(plan: try options.plan(command), report: report, output: output).run()
                },
                .init("status", StatusOptions.command) { options, _, _ in
                    StatusCommand(options: options, output: output).run()
                },
                .init("explain", ExplainOptions.command) { options, operands, _ throws(ConfigurationError) in
                    HistoryCommand.explain(options, try onePod(operands), output).run()
                },
                .init("timeline", TimelineOptions.command) { options, operands, _ throws(ConfigurationError) in
                    HistoryCommand.timeline(options, try onePod(operands), output).run()
                },
                .init("network", NetworkOptions.command) { options, operands, _ throws(ConfigurationError) in
                    NetworkCommand(options: options, operand: try onePod(operands), output: output).run()
                },
                .init("stop", StopOptions.command) { options, operands, _ throws(ConfigurationError) in
                    if operands.isEmpty != options.stopsAll {
                        throw ConfigurationError(["name the pods to stop, or give -all: exactly one of the two"])
                    }
                    return StopCommand(options: options, operands: operands, output: output).run()
                },
                .init("gc", CollectOptions.command) { options, _, _ throws(ConfigurationError) in
                    let problems = options.problems
                    guard problems.isEmpty else { throw ConfigurationError(problems) }
                    return CollectCommand(options: options, output: output).run()
                },
                .init("check azure", AzureCheckOptions.command) { options, _, _ in
                    AzureCheckCommand(options: options, output: output).run()
                },
                .init("check node", NodeCheckOptions.command) {
                    options, _, environment throws(ConfigurationError) in
                    try NodeCheckCommand(options: options, environment: environment, output: output).run()
                },
                .init("check cluster", ClusterCheckOptions.command) {
                    options, _, environment throws(ConfigurationError) in
                    try ClusterCheckCommand(options: options, environment: environment, output: output).run()
                },
                .init("ui", PageOptions.command) { options, _, _ in
                    PageCommand(options: options, output: output).run()
                },
                .init("support", SupportOptions.command) { options, _, _ in
                    SupportCommand(options: options, output: output).run()
                },
                .init("reference-values", ReferenceValuesOptions.command) {
                    options, operands, _ throws(ConfigurationError) in
                    let image = try oneImage(operands)
                    return ReferenceValuesCommand(options: options, image: image, output: output).run()
                },
                .init("image uki", KernelImageOptions.command) { options, _, _ throws(ConfigurationError) in
                    guard options.problems.isEmpty else { throw ConfigurationError(options.problems) }
                    return KernelImageCommand(options: options, output: output).run()
                },
                .init("image vhd-footer", DiskFooterOptions.command) {
                    options, operands, _ throws(ConfigurationError) in
                    guard !options.output.isEmpty else { throw ConfigurationError(["give -output"]) }
                    let image = try oneImage(operands)
                    return DiskFooterCommand(options: options, image: image, output: output).run()
                },
                .init(
                    "fake-azure", summary: "has moved to the program fake-azure",
                    unavailable: """
                        peerpodctl no longer contains the fake Azure: run the program fake-azure with the same flags \
                        (swift build --product fake-azure builds it)
                        """),
            ],
            usageStatus: ExitStatus.failure, manualSection: 1, output: output)
    }

    private static func onePod(_ operands: [String]) throws(ConfigurationError) -> String {
        guard let operand = operands.first, operands.count == 1, !operand.isEmpty else {
            throw ConfigurationError(["name one pod, as peerpodctl status lists them"])
        }
        return operand
    }

    private static func oneImage(_ operands: [String]) throws(ConfigurationError) -> String {
        guard let image = operands.first, operands.count == 1 else {
            throw ConfigurationError(["name one disk image"])
        }
        return image
    }
}
