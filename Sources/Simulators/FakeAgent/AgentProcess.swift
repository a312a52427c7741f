internal import LinuxIO
internal import MachineIsolation
internal import TTRPC

/// A process of a container: its first process, or one of `ExecProcess`.
///
/// Reads, writes and waits before the start wait for the start. Exit status and output are kept until the container is
/// removed.
final class AgentProcess: Sendable {
    /// How its streams are connected.
    private struct Running: Sendable {
        let child: ChildProcess
        let input: Stream?
        let output: Stream?
        let error: Stream?
        let terminal: PseudoTerminal?
    }

    /// One of its two outputs.
    enum Output { case standard, error }

    let id: String
    private let plan: ProcessPlan
    private let place: ProcessNamespaces
    private let isFirst: Bool
    private let started = Promise<Running>()
    private let ended = Promise<Int32>()
    // A shim can have several reads or writes of one stream in progress; their bytes must stay together and in order.
    private let inputTurn = AsyncSemaphore(1)
    private let outputTurn = AsyncSemaphore(1)
    private let errorTurn = AsyncSemaphore(1)

    /// A process of a container: its first one, or a further one.
    init(id: String, plan: ProcessPlan, place: ProcessNamespaces, isFirst: Bool) {
        self.id = id
        self.plan = plan
        self.place = place
        self.isFirst = isFirst
    }

    /// The process id, which is also the session id; nil before the start.
    var pid: Int32? { started.current?.child.pid }

    /// Whether it runs.
    var isRunning: Bool { started.current != nil && ended.current == nil }

    /// Starts the process.
    ///
    /// - Throws: a status with the reason: no such program or directory, or already started.
    func start(on loop: EpollLoop) throws(Status) {
        if started.current != nil { throw Status(.failedPrecondition, "\(id) has been started before") }
        do {
            let running = try spawn(on: loop)
            started.keep(.success(running))
        } catch {
            let status = error as? Status ?? Status(.internal, "\(error)")
            started.keep(.failure(status))
            ended.keep(.failure(status))
            throw status
        }
    }

    /// Waits for its end, calls `clearUp`, and then resumes the waiting calls.
    func reap(then clearUp: () async -> Void) async {
        guard let child = started.current?.child else { return }
        do {
            let status = try await child.wait().shellStatus
            await clearUp()
            ended.keep(.success(status))
        } catch {
            ended.keep(.failure(error))
        }
    }

    /// The process's exit status, or 128 plus the number of the signal that ended it. Can be called any number of times.
    func wait() async throws -> Int32 { try await ended.value() }

    /// The next bytes of an output; suspends while there are none.
    ///
    /// - Throws: ``Status/endOfStream`` at the end.
    func read(_ output: Output, upTo limit: Int) async throws -> [UInt8] {
        let running = try await started.value()
        let turn = output == .standard ? outputTurn : errorTurn
        guard let stream = output == .standard ? running.output : running.error else { throw Status.endOfStream }
        return try await turn.withPermit {
            do {
                let bytes =
                    if let terminal = running.terminal { try await terminal.read(upTo: limit) } else {
                        try await stream.read(upTo: limit)
                    }
                if bytes.isEmpty { throw Status.endOfStream }
                return bytes
            } catch is StreamClosed {
                throw Status.endOfStream
            }
        }
    }

    /// Writes to its standard input; returns when all bytes are written.
    func write(_ bytes: ArraySlice<UInt8>) async throws {
        let running = try await started.value()
        guard let stream = running.input else { throw Status(.failedPrecondition, "\(id) has no standard input") }
        try await inputTurn.withPermit {
            do {
                try await stream.write(bytes)
            } catch is StreamClosed {
                throw Status(.failedPrecondition, "the standard input of \(id) is closed")
            }
        }
    }

    /// Ends its standard input; on a terminal with Control-D.
    func closeInput() async throws {
        let running = try await started.value()
        try await inputTurn.withPermit {
            if running.terminal == nil {
                running.input?.close()
            } else {
                try await running.input?.write([4])
            }
        }
    }

    /// Sends a signal; does nothing when the process has ended.
    func signal(_ number: Int32) { if isRunning { started.current?.child.signal(number) } }

    /// Resizes its terminal.
    func resize(columns: UInt16, rows: UInt16) async throws {
        guard let terminal = try await started.value().terminal else {
            throw Status(.failedPrecondition, "\(id) has no terminal")
        }
        try terminal.resize(columns: columns, rows: rows)
    }

    /// Closes its streams; calls that wait for its start fail.
    func close() {
        let gone = Status(.notFound, "the container of \(id) was removed")
        started.keep(.failure(gone))
        ended.keep(.failure(gone))
        guard let running = started.current else { return }
        for stream in [running.input, running.output, running.error] { stream?.close() }
    }

    private func spawn(on loop: EpollLoop) throws -> Running {
        guard !plan.arguments.isEmpty else { throw Status(.invalidArgument, "the process of \(id) has no arguments") }
        if let runtime = place.runtime {
            let (executable, arguments) = isFirst ? runtime.first : try runtime.further(plan)
            var options = ChildProcess.Options(executable: executable, arguments: arguments)
            // crun gets nothing of the plan: it is in the container's configuration.
            options.environment = ["PATH": ProcessPlan.standardPath]
            options.workingDirectory = "/"
            return try run(options, on: loop)
        }
        let directory = plan.workingDirectory.isEmpty ? "/" : plan.workingDirectory
        let (isDirectory, executable) = try place.look {
            (Files.isDirectory(directory), plan.candidates.first(where: Files.isExecutable))
        }
        guard isDirectory else {
            throw Status(.internal, "the working directory \(directory) of \(id) does not exist")
        }
        guard let executable else { throw Status(.internal, "the file \(plan.arguments[0]) was not found") }
        var options = ChildProcess.Options(executable: executable, arguments: Array(plan.arguments.dropFirst()))
        options.name = plan.arguments[0]
        options.environment = plan.variables
        options.workingDirectory = directory
        return try run(options, on: loop)
    }

    /// Starts a program in the container's namespaces, connected to a terminal or to pipes.
    private func run(_ program: ChildProcess.Options, on loop: EpollLoop) throws -> Running {
        let terminal = plan.hasTerminal ? try PseudoTerminal.open(on: loop) : nil
        let child = try start(program, at: terminal, on: loop)
        return Running(
            child: child, input: terminal?.stream ?? child.input, output: terminal?.stream ?? child.output,
            error: child.error, terminal: terminal)
    }

    private func start(
        _ program: ChildProcess.Options, at terminal: PseudoTerminal?, on loop: EpollLoop
    ) throws -> ChildProcess {
        let wiring: ChildProcess.Output = terminal.map { .file(path: $0.path) } ?? .pipe
        var options = program
        (options.input, options.output, options.error) = (wiring, wiring, wiring)
        options.newSession = true
        options.mountNamespace = place.mounts
        do throws(NetworkNamespace.Failure) {
            // Closed after use, because an open descriptor keeps the pod's network alive.
            options.networkNamespace = try place.network.map { path throws(NetworkNamespace.Failure) in
                try NetworkNamespace(opening: path)
            }
        } catch {
            throw Status(.internal, "the network of \(id): \(error)")
        }
        return try ChildProcess.start(options, on: loop)
    }
}

extension Status {
    /// The status that kata's shim treats as the end of a process's output.
    static let endOfStream = Status(.outOfRange, "EOF")
}
