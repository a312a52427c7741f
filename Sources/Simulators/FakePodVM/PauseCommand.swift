internal import Configuration
internal import LinuxIO

/// What `fake-pod-vm pause` is told: nothing.
struct PauseOptions: Sendable {
    static let command = Command(
        "fake-pod-vm pause", summary: "do nothing until told to end, as the first process of a pod",
        details: """
            It stands in for the /pause of a sandbox container's image, which this machine has not. It ends with \
            status 0 on SIGINT and SIGTERM, and reaps the children that it is given.
            """,
        defaults: PauseOptions(), sections: [])
}

/// `fake-pod-vm pause`.
enum PauseCommand {
    /// The word that selects it.
    static let word = "pause"
    /// Where the images of sandbox containers have their program.
    static let path = "/pause"
    /// What it writes once signals end it in order.
    static let greeting = "this stand-in for /pause sleeps until it is told to end\n"

    static func run() -> Int32 {
        FakePodVMCommand.run(word) { loop in
            let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.childEnded], on: loop)
            ProcessTree.becomeSubreaper()
            Program.Output.process.standard(greeting)
            while try await signals.next() == Signals.childEnded { ProcessTree.reapOrphans(except: []) }
        }
    }
}
