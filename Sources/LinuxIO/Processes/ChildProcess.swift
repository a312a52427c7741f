internal import CLinux
internal import Glibc

/// A program we started, and its ends of the pipes.
public final class ChildProcess: Sendable {
    /// Where one of the child's standard streams goes.
    public enum Output: Sendable, Equatable {
        case inherit
        case null
        /// A pipe whose other end is ours.
        case pipe
        /// A file, appended to and made with mode 0600 (an input is read).
        case file(path: String)
    }

    /// What to start, and how.
    public struct Options: Sendable {
        /// A path, or a name to look up in the parent's PATH.
        public var executable: String
        /// Without the program's own name.
        public var arguments: [String]
        /// What the program is told it is called; nil: the executable's path.
        public var name: String?
        /// nil: the parent's.
        public var environment: [String: String]?
        /// nil: the parent's.
        public var workingDirectory: String?
        /// The child's standard input.
        public var input = Output.null
        /// The child's standard output.
        public var output = Output.inherit
        /// The child's standard error.
        public var error = Output.inherit
        /// Whether the child leads a session, and so a process group, of its own.
        public var newSession = false
        /// Descriptors of this process to hand over, by the child's numbers.
        public var descriptors: [(number: CInt, from: CInt)] = []
        /// The network namespace that it starts in; nil: the parent's. Needs `CAP_SYS_ADMIN`.
        ///
        /// It is then started by a thread that ends at once, so ``ProcessTree/dieWithParent(_:with:)`` is not for it.
        public var networkNamespace: NetworkNamespace?
        /// The mount namespace that it starts in, where executable and directory are looked up; nil: the parent's.
        /// As for ``networkNamespace``.
        public var mountNamespace: MountNamespace?
        /// Whether it is the first process of a process namespace, with which all others of it die, and has mounts
        /// (to begin with a copy of the parent's) and a host name of its own. As for ``networkNamespace``.
        public var isMachine = false

        /// The parent's environment and directory, no input, the parent's outputs.
        public init(executable: String, arguments: [String] = []) {
            self.executable = executable
            self.arguments = arguments
        }
    }

    /// How a process ended.
    public enum ExitStatus: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)

        /// The number a shell would show: the exit code, or 128 + the signal.
        public var shellStatus: Int32 {
            switch self {
            case .exited(let code): code
            case .signalled(let signal): 128 + signal
            }
        }
    }

    /// The kernel's number; not given to another process before ``wait()`` has seen the end.
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
    /// Signals are neither blocked nor ignored in the child, and it inherits no descriptor
    /// but the three.
    /// - Throws: ``SystemCallError`` on the executable, the directory or a file.
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
        // A child has the namespaces of the thread that starts it, which nothing else uses afterwards.
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

    /// Returns how the child ended, once it has; any number of times, by any number of tasks.
    ///
    /// - Throws: `CancellationError` or ``LoopStopped``; the child goes on.
    public func wait() async throws -> ExitStatus {
        while true {
            if let known = try reap() { return known }
            // Each waiter watches a descriptor of its own, for a stream has one reader; and not a copy of ours, since
            // epoll forgets a copy only with the last of them, and would not take its number again after a cancelled
            // wait.
            let own = try status.withLock { known throws(SystemCallError) in
                // A child that is not reaped keeps its number, so that no other process can have it.
                known == nil ? try systemCall("pidfd_open", on: "\(pid)") { clinux_pidfd_open(pid) } : nil
            }
            guard let own else { continue }
            try await Stream(OwnedFD(owning: own), on: handle.loop).wait(for: .reading)
        }
    }

    /// Sends a signal; to a child that has ended, nothing.
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
