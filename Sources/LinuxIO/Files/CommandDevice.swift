internal import CLinux
internal import Glibc

/// A device that takes a command in one write and then has its answer, such as `/dev/tpmrm0`; or a Unix socket whose
/// peer does the same.
///
/// Calls block. A program uses it before it serves.
public final class CommandDevice: Sendable {
    private let file: OwnedFD
    private let path: String

    /// Opens the device, or connects to the socket.
    public init(_ path: String) throws(SystemCallError) {
        self.path = path
        file = try Self.isSocket(path) ? Self.connected(path) : Self.opened(path)
    }

    private static func isSocket(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }

    private static func opened(_ path: String) throws(SystemCallError) -> OwnedFD {
        OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, O_RDWR, 0) })
    }

    private static func connected(_ path: String) throws(SystemCallError) -> OwnedFD {
        try unsafe SocketAddress.unix(path: path).withKernelForm { family, kernel, length throws(SystemCallError) in
            let socket = OwnedFD(owning: try systemCall("socket", on: path) { clinux_socket(family) })
            let number = socket.rawValue
            _ = try systemCall("connect", on: path) { unsafe Glibc.connect(number, kernel, length) }
            return socket
        }
    }

    /// Writes a command. A device takes it whole.
    public func write(_ command: [UInt8]) throws(SystemCallError) {
        let number = file.rawValue
        let count = try systemCall("write", on: path) {
            let count = unsafe send(number, command, command.count, CInt(MSG_NOSIGNAL))
            return unsafe count == -1 && errno == ENOTSOCK ? Glibc.write(number, command, command.count) : count
        }
        guard count == command.count else { throw SystemCallError(call: "write", errno: EIO, subject: path) }
    }

    /// Waits for the answer, or for its next part, of at most `limit` bytes. Empty at the end of a socket's stream.
    ///
    /// - Throws: ``SystemCallError``, ETIMEDOUT if nothing arrives within `patience`.
    public func read(upTo limit: Int, within patience: Duration) throws(SystemCallError) -> [UInt8] {
        let number = file.rawValue
        var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        let ready = try systemCall("poll", on: path) {
            unsafe poll(&request, 1, CInt(clamping: patience.components.seconds * 1000))
        }
        guard ready == 1 else { throw SystemCallError(call: "read", errno: ETIMEDOUT, subject: path) }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = try systemCall("read", on: path) { unsafe Glibc.read(number, &bytes, limit) }
        return Array(bytes.prefix(count))
    }
}
