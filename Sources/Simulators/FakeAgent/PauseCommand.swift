package import Configuration
internal import LinuxIO

/// The flags of `fake-pod-vm pause`: none.
package struct PauseOptions: Sendable {
    /// The command without flags.
    package static let command = Command(
        "fake-pod-vm pause", summary: "do nothing until told to end, as the first process of a pod",
        details: """
            Replaces the program /pause of a sandbox container's image, which this machine does not have. Ends with \
            status 0 on SIGINT and SIGTERM, and reaps orphaned processes.
            """,
        defaults: PauseOptions(), sections: [])
}

/// `fake-pod-vm pause`.
package enum PauseCommand {
    /// The name of the command.
    package static let word = "pause"
    /// The path of the program in images of sandbox containers.
    static let path = "/pause"
    /// The output that shows that its signal handling is set up.
    static let greeting = "this stand-in for /pause sleeps until it is told to end\n"

    /// Waits until it is told to end; returns the exit status.
    package static func run() -> Int32 {
        SimulatorLoop.run("fake-pod-vm \(word)") { loop in
            let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.childEnded], on: loop)
            ProcessTree.becomeSubreaper()
            Program.Output.process.standard(greeting)
            while try await signals.next() == Signals.childEnded { ProcessTree.reapOrphans(except: []) }
        }
    }
}
