internal import CLinux
internal import Glibc

/// A program that this process started, and this process's ends of the pipes.
public final class ChildProcess: Sendable {
    /// The target of one of the child's standard streams.
    public enum Output: Sendable, Equatable {
        case inherit
        case null
        /// A pipe whose other end this process has.
        case pipe
        /// A file, created with mode 0600. Output is appended to it; an input is read from it.
        case file(path: String)
    }

    /// The program to start, and its settings.
    public struct Options: Sendable {
        /// A path, or a name that is searched in the parent's PATH.
        public var executable: String
        /// The arguments without the program's own name.
        public var arguments: [String]
        /// The program name that the program receives as argument 0; nil: the executable's path.
        public var name: String?
        /// The environment; nil: the parent's.
        public var environment: [String: String]?
        /// The working directory; nil: the parent's.
        public var workingDirectory: String?
        /// The child's standard input.
        public var input = Output.null
        /// The child's standard output.
        public var output = Output.inherit
        /// The child's standard error.
        public var error = Output.inherit
        /// Whether the child leads a new session and therefore a new process group.
        public var newSession = false
        /// Descriptors of this process that the child receives, with the child's numbers.
        public var descriptors: [(number: CInt, from: CInt)] = []
        /// The network namespace in which the child starts; nil: the parent's. Needs `CAP_SYS_ADMIN`.
        ///
        /// A thread that ends immediately starts such a child. So do not use ``ProcessTree/dieWithParent(_:with:)`` in
        /// it.
        public var networkNamespace: NetworkNamespace?
        /// The mount namespace in which the child starts, and in which the executable and the directory are searched;
        /// nil: the parent's. The notes of ``networkNamespace`` apply.
        public var mountNamespace: MountNamespace?
        /// Whether the child is the first process of a new process namespace. When it ends, the kernel kills all other
        /// processes of the namespace. The child also has its own mounts (at first a copy of the parent's) and its own
        /// host name. The notes of ``networkNamespace`` apply.
        public var isMachine = false

        /// Options with the parent's environment and directory, no input, and the parent's outputs.
        public init(executable: String, arguments: [String] = []) {
            self.executable = executable
            self.arguments = arguments
        }
    }

    /// How a process ended.
    public enum ExitStatus: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)

        /// The number that a shell shows: the exit code, or 128 + the signal.
        public var shellStatus: Int32 {
            switch self {
            case .exited(let code): code
            case .signalled(let signal): 128 + signal
            }
        }
    }

    /// The kernel's number. No other process gets this number before ``wait()`` has returned.
    public let pid: Int32
    /// Writes to the child's standard input, if that is a pipe.
    public let input: Stream?
    /// Reads the child's standard output, if that is a pipe.
    public let output: Stream?
    /// Reads the child's standard error, if that is a pipe.
    public let error: Stream?
    private let handle: Stream
    private let status = Lock<ExitStatus?>(nil)

    private init(pid: Int32, handle: Stream, ends: [Stream?]) {
        self.pid = pid
        self.handle = handle
        (input, output, error) = (ends[0], ends[1], ends[2])
    }

    /// Starts a program.
    ///
    /// The child blocks and ignores no signal. It inherits no descriptor except the three standard streams and the
    /// `descriptors` of the options.
    /// - Throws: ``SystemCallError`` for the executable, the directory or a file.
    public static func start(_ options: Options, on loop: EpollLoop) throws(SystemCallError) -> ChildProcess {
        let pipes = try ChildPipes([options.input, options.output, options.error], on: loop)
        let plan = SpawnPlan(options)
        try pipes.connect(in: plan)
        for descriptor in options.descriptors { plan.duplicate(descriptor.from, to: descriptor.number) }
        let pid = try spawn(plan, options)
        let handle = OwnedFD(owning: try systemCall("pidfd_open", on: "\(pid)") { clinux_pidfd_open(pid) })
        return ChildProcess(pid: pid, handle: try Stream(handle, on: loop), ends: pipes.parentEnds)
    }

    private static func spawn(_ plan: SpawnPlan, _ options: Options) throws(SystemCallError) -> Int32 {
        let isPlain = options.networkNamespace == nil && options.mountNamespace == nil && !options.isMachine
        if isPlain { return try plan.spawn() }
        // A child inherits the namespaces of the thread that starts it. No other code uses the thread afterwards.
        return try Thread.run { () -> Swift.Result<Int32, SystemCallError> in
            do throws(SystemCallError) {
                try options.networkNamespace?.enter()
                try options.mountNamespace?.enter()
                if options.isMachine {
                    _ = try systemCall("unshare", on: options.executable) { clinux_new_machine() }
                }
                return .success(try plan.spawn())
            } catch {
                return .failure(error)
            }
        }.get()
    }

    /// Waits for the child's end and returns how it ended. Any number of tasks can call this any number of times.
    ///
    /// - Throws: `CancellationError` or ``LoopStopped``. The child continues to run.
    public func wait() async throws -> ExitStatus {
        while true {
            if let known = try reap() { return known }
            // Each waiter watches a separate descriptor, because a stream has one reader. A copy of our descriptor does
            // not work: epoll forgets a copy only with the last copy, and would refuse the same number after a
            // cancelled wait.
            let own = try status.withLock { known throws(SystemCallError) in
                // A child that is not reaped keeps its number, so no other process can get the number.
                known == nil ? try systemCall("pidfd_open", on: "\(pid)") { clinux_pidfd_open(pid) } : nil
            }
            guard let own else { continue }
            try await Stream(OwnedFD(owning: own), on: handle.loop).wait(for: .reading)
        }
    }

    /// Sends a signal. Does nothing if the child has ended.
    public func signal(_ number: Int32) {
        status.withLock { known in if known == nil { _ = kill(pid, number) } }
    }

    private func reap() throws(SystemCallError) -> ExitStatus? {
        try status.withLock { known throws(SystemCallError) in
            if known != nil { return known }
            var (isExit, code): (CInt, CInt) = (0, 0)
            let ended = try systemCall("waitid", on: "\(pid)") { unsafe clinux_reap(pid, &isExit, &code) }
            if ended == 1 { known = isExit == 1 ? .exited(code) : .signalled(code) }
            return known
        }
    }
}
