internal import LinuxIO
internal import TTRPC

/// A process that the stand-in runs for a container: its first, or one of `ExecProcess`.
///
/// Those who read, write and wait before it has started wait for its start too. Its exit
/// status, and what it wrote, stay until the container is removed.
final class AgentProcess: Sendable {
    /// How its streams are wired to us.
    private struct Running: Sendable {
        let child: ChildProcess
        let input: Stream?
        let output: Stream?
        let error: Stream?
        let terminal: PseudoTerminal?
    }

    /// Which of its two outputs.
    enum Output { case standard, error }

    let id: String
    private let plan: ProcessPlan
    private let place: ProcessPlace
    private let started = Promise<Running>()
    private let ended = Promise<Int32>()
    // A shim may have several reads or writes of one stream under way; their bytes must neither mix
    // nor overtake each other.
    private let inputTurn = AsyncSemaphore(1)
    private let outputTurn = AsyncSemaphore(1)
    private let errorTurn = AsyncSemaphore(1)

    init(id: String, plan: ProcessPlan, place: ProcessPlace) {
        self.id = id
        self.plan = plan
        self.place = place
    }

    /// The process's number, also the number of its session; nil before it runs.
    var pid: Int32? { started.current?.child.pid }

    /// Whether it has begun and not yet ended.
    var isRunning: Bool { started.current != nil && ended.current == nil }

    /// Starts it.
    ///
    /// - Throws: a status that says why it cannot run: no such program or directory, started before.
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

    /// Waits for its end, has `clearUp` done, and only then tells those who wait.
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

    /// Its exit status, or 128 and the number of the signal that ended it; any number of times.
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

    /// Gives it input, and returns once it has room for all of it.
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

    /// Ends its input; on a terminal, as a person would with Control-D.
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

    /// Sends it a signal; nothing when it has ended.
    func signal(_ number: Int32) { if isRunning { started.current?.child.signal(number) } }

    /// Resizes its terminal.
    func resize(columns: UInt16, rows: UInt16) async throws {
        guard let terminal = try await started.value().terminal else {
            throw Status(.failedPrecondition, "\(id) has no terminal")
        }
        try terminal.resize(columns: columns, rows: rows)
    }

    /// Drops its streams and fails those who still wait for its start.
    func close() {
        let gone = Status(.notFound, "the container of \(id) was removed")
        started.keep(.failure(gone))
        ended.keep(.failure(gone))
        guard let running = started.current else { return }
        for stream in [running.input, running.output, running.error] { stream?.close() }
    }

    private func spawn(on loop: EpollLoop) throws -> Running {
        guard !plan.arguments.isEmpty else { throw Status(.invalidArgument, "the process of \(id) has no arguments") }
        let directory = plan.workingDirectory.isEmpty ? "/" : plan.workingDirectory
        let (isDirectory, executable) = try place.look {
            (Files.isDirectory(directory), plan.candidates.first(where: Files.isExecutable))
        }
        guard isDirectory else {
            throw Status(.internal, "the working directory \(directory) of \(id) does not exist")
        }
        guard let executable else { throw Status(.internal, "the file \(plan.arguments[0]) was not found") }
        let terminal = plan.hasTerminal ? try PseudoTerminal.open(on: loop) : nil
        let child = try start(executable, in: directory, at: terminal, on: loop)
        return Running(
            child: child, input: terminal?.stream ?? child.input, output: terminal?.stream ?? child.output,
            error: child.error, terminal: terminal)
    }

    private func start(
        _ executable: String, in directory: String, at terminal: PseudoTerminal?, on loop: EpollLoop
    ) throws -> ChildProcess {
        let wiring: ChildProcess.Output = terminal.map { .file(path: $0.path) } ?? .pipe
        var options = ChildProcess.Options(executable: executable, arguments: Array(plan.arguments.dropFirst()))
        options.name = plan.arguments[0]
        options.environment = plan.variables
        options.workingDirectory = directory
        (options.input, options.output, options.error) = (wiring, wiring, wiring)
        options.newSession = true
        options.mountNamespace = place.mounts
        do throws(NetworkNamespace.Failure) {
            // Held no longer than it takes: the pod's network is not to live on because of us.
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
    /// What kata's shim takes for the end of a process's output.
    static let endOfStream = Status(.outOfRange, "EOF")
}
