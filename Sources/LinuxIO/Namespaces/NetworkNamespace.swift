internal import CLinux
internal import Glibc

/// A network namespace, held open.
///
/// The namespace and its interfaces exist as long as this object, a process or a mount holds them. Release this object
/// as soon as it is not needed.
public final class NetworkNamespace: Sendable, CustomStringConvertible {
    /// Why a path leads to no network namespace.
    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// The path is missing.
        case missing(path: String)
        /// The path is another file. This includes the empty file that an unmounted namespace leaves.
        case notANamespace(path: String)
        /// The kernel refused the operation.
        case refused(SystemCallError)

        /// The failure as a sentence, with the path if the path is the cause.
        public var description: String {
            switch self {
            case .missing(let path): "There is no network namespace at \(path)."
            case .notANamespace(let path): "\(path) is not a network namespace."
            case .refused(let error): "\(error)"
            }
        }
    }

    /// The path or the name of the namespace, for messages.
    public let description: String
    private let fd: OwnedFD
    private let device: UInt64
    private let inode: UInt64

    /// Opens the namespace that `path` leads to, such as `/run/netns/cni-1234`.
    public convenience init(opening path: String) throws(Failure) {
        let number: CInt
        do throws(SystemCallError) {
            // Without NONBLOCK, opening a FIFO would block this thread.
            number = try systemCall("open", on: path) { unsafe clinux_open(path, O_RDONLY | O_NONBLOCK, 0) }
        } catch {
            throw error.isMissing || error.errno == ENOTDIR ? .missing(path: path) : .refused(error)
        }
        try self.init(owning: OwnedFD(owning: number), path)
    }

    /// Whether no namespace is at `path`: the path is missing, or is the empty file that an unmounted namespace leaves.
    ///
    /// False if this cannot be determined, for example without a free descriptor.
    public static func isGone(_ path: String) -> Bool {
        do throws(Failure) {
            _ = try NetworkNamespace(opening: path)
            return false
        } catch {
            if case .refused = error { return false }
            return true
        }
    }

    /// The namespace of this process's main thread.
    public static func ofThisProcess() throws(Failure) -> NetworkNamespace {
        try NetworkNamespace(opening: "/proc/self/ns/net")
    }

    /// Makes a new namespace. Its only interface is a loopback interface that is down.
    ///
    /// Needs `CAP_SYS_ADMIN`.
    public static func make(named name: String = "a new network namespace") throws(Failure) -> NetworkNamespace {
        let outcome: Swift.Result<CInt, SystemCallError>
        do throws(SystemCallError) {
            outcome = try Thread.run {
                Swift.Result { () throws(SystemCallError) in
                    _ = try systemCall("unshare", on: name) { clinux_new_network() }
                    return try systemCall("open", on: name) {
                        unsafe clinux_open("/proc/thread-self/ns/net", O_RDONLY, 0)
                    }
                }
            }
        } catch {
            throw .refused(error)
        }
        switch outcome {
        case .success(let number): return try NetworkNamespace(owning: OwnedFD(owning: number), name)
        case .failure(let error): throw .refused(error)
        }
    }

    private init(owning fd: consuming OwnedFD, _ description: String) throws(Failure) {
        var status = stat()
        guard clinux_namespace_type(fd.rawValue) == clinux_network_namespace,
            unsafe fstat(fd.rawValue, &status) == 0
        else { throw .notANamespace(path: description) }
        self.description = description
        self.fd = fd
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// The descriptor that identifies the namespace in a netlink request. Valid as long as this object exists.
    package var rawDescriptor: CInt { fd.rawValue }

    /// Whether both are the same namespace.
    public func isSame(as other: NetworkNamespace) -> Bool { device == other.device && inode == other.inode }

    /// Runs `body` in the namespace, on a new thread, and waits for it.
    ///
    /// Sockets that `body` opens and processes that `body` starts stay in the namespace. The caller's thread does not
    /// enter it.
    package func run<Result>(_ body: () -> Result) throws(SystemCallError) -> Result {
        try Thread.run { () -> Swift.Result<Result, SystemCallError> in
            do throws(SystemCallError) {
                try enter()
            } catch {
                return .failure(error)
            }
            return .success(body())
        }.get()
    }

    /// Moves the calling thread into the namespace. Processes and threads that it starts inherit the namespace.
    func enter() throws(SystemCallError) {
        _ = try systemCall("setns", on: description) { clinux_enter_network(fd.rawValue) }
    }

    /// Runs `body` under a lock of this namespace across all processes. Waits for the lock.
    package func exclusively<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(SystemCallError) -> Swift.Result<Result, Failure> {
        // A separate open file is necessary, because a lock belongs to the open file.
        let path = "/proc/thread-self/fd/\(fd.rawValue)"
        let own = OwnedFD(owning: try systemCall("open", on: description) { unsafe clinux_open(path, O_RDONLY, 0) })
        _ = try systemCall("flock", on: description) { clinux_lock(own.rawValue) }
        let result: Swift.Result<Result, Failure>
        do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
        _ = consume own
        return result
    }
}
