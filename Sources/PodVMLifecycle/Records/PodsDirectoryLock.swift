public import LinuxIO

/// The exclusive right to use a pods directory. A process has this right until it ends.
///
/// Two adaptors with the same records would each delete VMs that the other is starting. Child processes do not inherit
/// the lock.
public final class PodsDirectoryLock: Sendable {
    // No sandbox's id begins with a dot, so these are never a sandbox's directory.
    /// Locked by the process that uses the directory. The file contains that process's id.
    private static let name = ".lock"
    /// Locked by one of the processes that wait for the directory.
    private static let successorName = ".lock-next"

    /// The time between two attempts of a process that waits. The kernel cannot cancel a wait for this kind of lock.
    private static let pause = Duration.milliseconds(100)

    private let path: String
    private let lock: FileLock

    private init(_ lock: consuming FileLock, on path: String) {
        self.lock = lock
        self.path = path
    }

    /// Locks the directory at `path`. Creates the directory with mode 0700 if it does not exist.
    ///
    /// - Throws: ``LifecycleError`` that names the directory: another process uses it, or it cannot be used.
    public static func take(_ path: String) throws(LifecycleError) -> PodsDirectoryLock {
        if let lock = try takeIfFree(path) { return lock }
        let process = holder(of: path).map { " (process \($0))" } ?? ""
        throw LifecycleError(
            .failedPrecondition,
            "The pods directory \(path) is in use by another cloud-api-adaptor\(process). Stop that one first, or "
                + "give this one a directory of its own with -pods-dir (PODS_DIR).")
    }

    /// Locks the directory at `path`; nil if another process uses it. Creates the directory as ``take(_:)`` does.
    ///
    /// - Throws: ``LifecycleError`` that names the directory: it cannot be used.
    public static func takeIfFree(_ path: String) throws(LifecycleError) -> PodsDirectoryLock? {
        try usingDirectory(path) { directory in
            guard let lock = try FileLock.take(name, in: directory) else { return nil }
            // Only a hint for operators, so a full disk does not prevent the start.
            try? directory.write(Array("\(ProcessTree.current)\n".utf8), to: name, at: 0)
            return PodsDirectoryLock(lock, on: path)
        }
    }

    /// Waits until no other process uses the directory at `path`, and locks it. Of several that wait, one gets the lock.
    ///
    /// - Throws: `CancellationError`, or ``LifecycleError`` that names the directory: it cannot be used.
    public static func wait(for path: String, on loop: EpollLoop) async throws -> PodsDirectoryLock {
        var place: FileLock?
        while true {
            if let lock = try takeIfFree(path) { return lock }
            if place == nil {
                place = try usingDirectory(path) { try FileLock.take(successorName, in: $0) }
            }
            try await loop.sleep(for: pause)
        }
    }

    /// Waits as ``wait(for:on:)`` does, while `body` runs. Nil when `stop` has returned, also if it returned at the moment at
    /// which this process got the lock. `stop` has to throw when it is cancelled.
    public static func wait(
        for path: String, on loop: EpollLoop, until stop: @escaping @Sendable () async throws -> Void,
        running body: @escaping @Sendable () async throws -> Void
    ) async throws -> PodsDirectoryLock? {
        let isStopped = Event()
        let lock = try await withThrowingTaskGroup(of: PodsDirectoryLock?.self) { group in
            group.addTask { try await wait(for: path, on: loop) }
            group.addTask {
                try await stop()
                isStopped.set()
                return nil
            }
            group.addTask {
                try await body()
                return nil
            }
            guard let first = try await group.next() else { return nil as PodsDirectoryLock? }
            group.cancelAll()
            while await group.nextResult() != nil {}
            return first
        }
        return isStopped.isSet ? nil : lock
    }

    /// Whether a process waits for this lock now.
    public var hasSuccessor: Bool { (try? FileLock.isHeld("\(path)/\(Self.successorName)")) ?? false }

    /// The id of the process that uses the directory at `path`, as that process knows it: in a container, the id in the
    /// container. Nil if it is not known.
    public static func holder(of path: String) -> Int? {
        guard let text = try? Directory.at(path).read(name, limit: 64) else { return nil }
        return Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    private static func usingDirectory<Result: ~Copyable>(
        _ path: String, _ body: (Directory) throws -> Result
    ) throws(LifecycleError) -> Result {
        do {
            return try body(try Directory.own(path, makingWith: 0o700))
        } catch {
            throw LifecycleError(
                .internal, "The pods directory cannot be used: \(error). Check -pods-dir and its permissions.",
                cause: error)
        }
    }
}
