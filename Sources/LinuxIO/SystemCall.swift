internal import CLinux
internal import Glibc

/// A system call the kernel refused: which one, on what, and why.
public struct SystemCallError: Error, Equatable, Sendable {
    /// The call's name, as in its manual page.
    public let call: String
    /// The kernel's reason.
    public let errno: CInt
    /// What the call was made on: a path, an interface, a descriptor.
    public let subject: String

    /// An error as `call` would have left it.
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

    /// Whether the named thing is not there (`ENOENT`).
    public var isMissing: Bool { errno == ENOENT }
    /// Whether a path goes through what is not a directory, or through a link where none is followed.
    package var isNoDirectory: Bool { errno == ENOTDIR || errno == ELOOP }
    /// Whether this process may not do that (`EPERM`).
    package var isForbidden: Bool { errno == EPERM }
    /// Whether something is full: the disk, a quota, the memory.
    public var isOutOfSpace: Bool { [ENOSPC, EDQUOT, ENOMEM].contains(errno) }
    /// Whether no process listens at the address (`ECONNREFUSED`).
    public var isRefused: Bool { errno == ECONNREFUSED }
    /// Whether the peer did not answer in time (`ETIMEDOUT`).
    public var isTimeout: Bool { errno == ETIMEDOUT }
}

/// Runs one system call, again while signals interrupt it.
package func systemCall<Result: FixedWidthInteger>(
    _ name: String, on subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemCallError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        // EBADF and EFAULT are our own bugs; going on would only move the damage.
        precondition(code != EBADF && code != EFAULT, "\(name): errno \(code)")
        if code != EINTR { throw SystemCallError(call: name, errno: code, subject: subject()) }
    }
}

/// A system call that may find nothing to do: nil where it would have blocked.
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

/// A file descriptor with one owner, closed when the owner is done.
public struct OwnedFD: ~Copyable, Sendable {
    /// The kernel's number; valid for as long as this value lives.
    public let rawValue: CInt

    /// Takes ownership of `rawValue`: no other code may close it from here on.
    public init(owning rawValue: CInt) { self.rawValue = rawValue }

    deinit { _ = Glibc.close(rawValue) }
}
