package import LinuxIO
package import Telemetry

/// The program `fake-azure`, run as a child of this process.
///
/// Two pipes tie the processes together. On its standard output the child announces how to use it, account secret
/// included; the end of its standard input tells it to end, also when this process is killed. It has a session of its own
/// and ignores SIGINT and SIGTERM, so that a service manager or Ctrl-C does not end it before this process has ended what
/// uses it. Its log goes where this process's log goes.
package struct FakeAzureProcess: Sendable {
    /// How to use the fake.
    package let announcement: FakeAzureAnnouncement
    private let child: ChildProcess
    private let executable: String
    private let stateDirectory: String
    private let loop: EpollLoop
    private let logger: Logger

    /// How long the child may take to announce itself.
    private static let startTimeout = Duration.seconds(30)
    /// How long the child may take to end before it is killed.
    private static let shutdownTimeout = Duration.seconds(5)
    private static let announcementLimit = 64 << 10

    /// Starts the program with the flags for `settings` and with `arguments`, and waits until it serves.
    ///
    /// `environment` is that of this process. The child gets it without secrets and without the variables of its own flags.
    ///
    /// - Throws: ``FakeAzureError``, with what to do about it.
    package static func start(
        _ settings: FakeAzureSettings, arguments: [String], environment: [String: String], on loop: EpollLoop,
        logger: Logger
    ) async throws -> FakeAzureProcess {
        let executable = try findProgram(in: settings.programsDirectory)
        var options = ChildProcess.Options(executable: executable, arguments: settings.arguments + arguments)
        options.environment = childEnvironment(environment)
        options.input = .pipe
        options.output = .pipe
        options.newSession = true
        let child: ChildProcess
        do throws(SystemCallError) {
            child = try ChildProcess.start(options, on: loop)
        } catch {
            throw FakeAzureError(description: "the fake Azure does not start: \(executable) cannot be run: \(error)")
        }
        do {
            let line = try await withDeadline(.now.advanced(by: startTimeout), on: loop) {
                if let line = try await readLine(of: child) { return line }
                let status = try await child.wait()
                throw FakeAzureError(
                    description: "the fake Azure does not start: \(executable) \(status.text) before it served. "
                        + "Its own messages are above")
            }
            return FakeAzureProcess(
                announcement: try FakeAzureAnnouncement(parsing: line), child: child, executable: executable,
                stateDirectory: settings.stateDirectory, loop: loop, logger: logger)
        } catch {
            await end(child, executable, on: loop, logger: logger)
            guard error is DeadlineExceeded else { throw error }
            throw FakeAzureError(
                description: "the fake Azure does not start: \(executable) has not served within "
                    + "\(startTimeout.components.seconds) s and was ended. Its own messages are above")
        }
    }

    /// Waits until the child has ended.
    ///
    /// - Throws: ``FakeAzureError`` when the child has ended, or `CancellationError`.
    package func run() async throws {
        let status = try await child.wait()
        throw FakeAzureError(
            description:
                "the fake Azure \(executable) (process \(child.pid)) \(status.text) while cloud-api-adaptor used "
                + "it. Its own messages are above; resources and VMs stay in \(stateDirectory). "
                + "Start cloud-api-adaptor again to go on with them")
    }

    /// Ends the child and waits for its end.
    package func end() async { await Self.end(child, executable, on: loop, logger: logger) }

    private static func end(
        _ child: ChildProcess, _ executable: String, on loop: EpollLoop, logger: Logger
    ) async {
        child.input?.close()
        do {
            _ = try await withDeadline(.now.advanced(by: shutdownTimeout), on: loop) { try await child.wait() }
        } catch {
            logger.warning(
                "Killing the fake Azure, which did not end in time",
                [LogField("program", executable), LogField("process", Int(child.pid)), LogField("error", error)])
            child.signal(Signals.kill)
            _ = try? await child.wait()
        }
    }

    /// The child's first line; nil when its output ends before a newline.
    private static func readLine(of child: ChildProcess) async throws -> [UInt8]? {
        var line: [UInt8] = []
        while line.count <= announcementLimit, let bytes = try await child.output?.read(upTo: 4096), !bytes.isEmpty {
            line += bytes
            if let end = line.firstIndex(of: UInt8(ascii: "\n")) { return Array(line[..<end]) }
        }
        return nil
    }

    private static func findProgram(in directory: String) throws(FakeAzureError) -> String {
        let directory = directory.isEmpty ? Files.parent(of: SystemInfo.executablePath) : directory
        let executable = "\(directory)/fake-azure"
        if Files.isExecutable(executable) { return executable }
        throw FakeAzureError(
            description:
                "the fake Azure does not start: \(executable) does not exist or is not executable. -fake-cloud "
                + "needs the program fake-azure, which is not part of a production installation: build it with "
                + "\"swift build --product fake-azure\", or name the directory that has it with -fake-programs-dir")
    }

    /// This process's environment without secrets of a real account, and without settings that the child gets as flags.
    private static func childEnvironment(_ environment: [String: String]) -> [String: String] {
        environment.filter { name, _ in
            !name.hasPrefix("AZURE_") && !name.hasPrefix("FAKE_") && name != "INITDATA" && name != "NOTIFY_SOCKET"
        }
    }
}

extension ChildProcess.ExitStatus {
    /// The predicate of a sentence about the process.
    fileprivate var text: String {
        switch self {
        case .exited(let code): "ended with exit status \(code)"
        case .signalled(let signal): "was ended by signal \(signal)"
        }
    }
}
