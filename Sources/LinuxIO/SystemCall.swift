internal import CLinux
internal import Glibc

/// A system call that the kernel refused: the call, its subject and the reason.
public struct SystemCallError: Error, Equatable, Sendable {
    /// The call's name, as in its manual page.
    public let call: String
    /// The kernel's reason.
    public let errno: CInt
    /// The subject of the call: a path, an interface, a descriptor.
    public let subject: String

    /// Makes the error that `call` would have caused.
    public init(call: String, errno: CInt, subject: String) {
        self.call = call
        self.errno = errno
        self.subject = subject
    }
}

extension SystemCallError: CustomStringConvertible {
    /// The call, its subject and the kernel's words: `open(/x): No such file or directory [errno 2]`.
    public var description: String {
        "\(call)(\(subject)): \(unsafe String(cString: strerror(errno))) [errno \(errno)]"
    }

    /// Whether the subject does not exist (`ENOENT`).
    public var isMissing: Bool { errno == ENOENT }
    /// Whether a part of the path is not a directory, or is a link where no link is followed.
    package var isNoDirectory: Bool { errno == ENOTDIR || errno == ELOOP }
    /// Whether this process does not have the right (`EPERM`).
    package var isForbidden: Bool { errno == EPERM }
    /// Whether a resource is exhausted: the disk, a quota, the memory.
    public var isOutOfSpace: Bool { [ENOSPC, EDQUOT, ENOMEM].contains(errno) }
    /// Whether no process listens at the address (`ECONNREFUSED`).
    public var isRefused: Bool { errno == ECONNREFUSED }
    /// Whether the peer did not answer in time (`ETIMEDOUT`).
    public var isTimeout: Bool { errno == ETIMEDOUT }
}

/// Runs one system call. Repeats the call while signals interrupt it.
package func systemCall<Result: FixedWidthInteger>(
    _ name: String, on subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemCallError) -> Result {
    #if DEBUG
        CrashPoint.reach("before", name, on: subject)
        try DiskFault.check(name, on: subject)
    #endif
    while true {
        let result = body()
        if result != -1 {
            #if DEBUG
                CrashPoint.reach("after", name, on: subject)
            #endif
            return result
        }
        let code = errno
        // EBADF and EFAULT are bugs of this program. To continue would only hide the bug.
        precondition(code != EBADF && code != EFAULT, "\(name): errno \(code)")
        if code != EINTR { throw SystemCallError(call: name, errno: code, subject: subject()) }
    }
}

/// Runs a system call that may find no work. Returns nil if the call would have blocked.
func tryingSystemCall(
    _ name: String, on subject: @autoclosure () -> String = "", _ body: () -> Int
) throws(SystemCallError) -> Int? {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        if code == EAGAIN { return nil }
        precondition(code != EBADF && code != EFAULT, "\(name): errno \(code)")
        if code != EINTR { throw SystemCallError(call: name, errno: code, subject: subject()) }
    }
}

/// A file descriptor with one owner. It is closed when the owner releases it.
public struct OwnedFD: ~Copyable, Sendable {
    /// The kernel's number. Valid as long as this value exists.
    public let rawValue: CInt

    /// Takes ownership of `rawValue`. No other code may close it afterwards.
    public init(owning rawValue: CInt) { self.rawValue = rawValue }

    deinit { _ = Glibc.close(rawValue) }
}
