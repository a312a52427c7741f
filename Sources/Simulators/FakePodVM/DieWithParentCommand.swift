internal import Configuration
internal import LinuxIO

/// The flags of `fake-pod-vm die-with-parent`.
struct DieWithParentOptions: Sendable {
    var parent = 0
    var descriptors = ""

    static let command = Command(
        "fake-pod-vm die-with-parent", summary: "run a program that dies with its parent",
        details: """
            When a machine loses its power, all its programs end, however its first process ended. This command has \
            the kernel kill a program together with its parent.
            """,
        operands: "-- PROGRAM [ARGUMENT...]", defaults: DieWithParentOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "parent", \DieWithParentOptions.parent, .integer(in: 0...Int(Int32.max)),
                        "The process id of the parent, in case the parent has already ended; 0 accepts any parent."),
                    Setting(
                        "descriptors", \DieWithParentOptions.descriptors, .string,
                        "The names of the open descriptors from 3 on, separated by colons, for sd_listen_fds(3)."),
                ])
        ])
}

/// `fake-pod-vm die-with-parent`.
enum DieWithParentCommand {
    static func run(_ options: DieWithParentOptions, _ operands: [String]) throws(ConfigurationError) -> Int32 {
        guard let program = operands.first else { throw ConfigurationError("name a program to run, after --") }
        ProcessTree.dieWithParent(options.parent == 0 ? nil : Int32(options.parent))
        var environment = Environment.all
        if !options.descriptors.isEmpty {
            let count = options.descriptors.split(separator: ":", omittingEmptySubsequences: false).count
            environment["LISTEN_PID"] = "\(ProcessTree.current)"
            environment["LISTEN_FDS"] = "\(count)"
            environment["LISTEN_FDNAMES"] = options.descriptors
        }
        // The call returns only on failure.
        let error = ProcessTree.become(program, arguments: Array(operands.dropFirst()), environment: environment)
        Program.Output.process.error("fake-pod-vm die-with-parent: \(error)\n")
        return 127
    }
}
