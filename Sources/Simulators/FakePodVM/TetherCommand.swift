internal import Configuration
internal import LinuxIO

/// What `fake-pod-vm tether` is told.
struct TetherOptions: Sendable {
    var parent = 0

    static let command = Command(
        "fake-pod-vm tether", summary: "run a program that dies with its parent",
        details: """
            A machine that loses its power stops all its programs, however its first process ended. This gives a \
            program that knows nothing of fake VMs the same fate.
            """,
        operands: "-- PROGRAM [ARGUMENT...]", defaults: TetherOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "parent", \TetherOptions.parent, .integer(in: 0...Int(Int32.max)),
                        "The parent's process number, in case it has died already; 0 takes whoever it is.")
                ])
        ])
}

/// `fake-pod-vm tether`.
enum TetherCommand {
    static func run(_ options: TetherOptions, _ operands: [String]) throws(ConfigurationError) -> Int32 {
        guard let program = operands.first else { throw ConfigurationError("name a program to run, after --") }
        ProcessTree.dieWithParent(options.parent == 0 ? nil : Int32(options.parent))
        // It only comes back if it failed.
        let error = ProcessTree.become(program, arguments: Array(operands.dropFirst()))
        Program.Output.process.error("fake-pod-vm tether: \(error)\n")
        return 127
    }
}
