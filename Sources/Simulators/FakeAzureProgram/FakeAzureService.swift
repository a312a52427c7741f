internal import Configuration
internal import FakeCloud
internal import LinuxIO
internal import Telemetry

/// A fake Azure that announces itself and serves until it is told to end.
struct FakeAzureService: Sendable {
    let options: LocalAzureOptions
    let environmentFile: String
    /// Whether another program started this one: that program reads an ``Announcement``, and ends the service by
    /// closing standard input.
    let isSupervised: Bool
    let logger: Logger
    let output: Program.Output

    /// How long a supervised service waits for the state directory: the child of a parent that was killed ends a
    /// moment after that parent, and the next parent may already start.
    private static let lockTimeout = Duration.seconds(3)

    /// Serves until the end; returns the exit status.
    func run() -> Int32 {
        Signals.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        do {
            try EpollLoop.run { loop in
                // Blocks them for the whole process, whether the service reads them or not.
                let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
                let azure = try await open(on: loop)
                try announce(azure)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await azure.run() }
                    group.addTask { try await waitForEnd(signals, on: loop) }
                    defer { group.cancelAll() }
                    try await group.next()
                }
                logger.info("Stopped; resources and VMs stay in \(options.stateDirectory)")
            }
            return 0
        } catch {
            if isSupervised {
                output.standard(Announcement.failure("\(error)").line)
            } else {
                output.error("fake-azure: \(error)\n")
            }
            return 1
        }
    }

    /// Opens the state directory; a supervised service waits for a predecessor that is about to end.
    private func open(on loop: EpollLoop) async throws -> LocalAzure {
        let end = ContinuousClock.now.advanced(by: Self.lockTimeout)
        while true {
            do {
                return try LocalAzure(options, on: loop, logger: logger)
            } catch {
                guard isSupervised, error.isInUse, ContinuousClock.now < end else { throw error }
            }
            try await loop.sleep(for: .milliseconds(20))
        }
    }

    private func announce(_ azure: LocalAzure) throws {
        logger.info("Serving", [LogField("endpoint", azure.account.managementEndpoint)])
        if isSupervised { return output.standard(Announcement.serving(azure.account, azure.network).line) }
        // The values are ids, ARM paths and URLs, so none needs quotes.
        let lines = azure.account.environment.map { "\($0.name)=\($0.value)\n" }.joined()
        if environmentFile.isEmpty {
            output.standard(lines)
        } else {
            try DurableFile.write(Array(lines.utf8), to: environmentFile)
        }
    }

    /// Returns when the service has to end: with the first signal, or, if supervised, when standard input ends.
    private func waitForEnd(_ signals: Signals, on loop: EpollLoop) async throws {
        guard isSupervised else {
            _ = try await signals.next()
            return
        }
        // A service manager or Ctrl-C signals the parent and its children at once, but the parent still needs this
        // service.
        let input = try StandardInput(on: loop)
        while try await !input.read(upTo: 4096).isEmpty {}
    }
}
