internal import CLinux
internal import Glibc

/// The service manager that started this process, if it listens for messages.
public enum ServiceManager {
    /// Sends systemd `state`, such as `READY=1` or `STOPPING=1` (sd_notify(3)).
    ///
    /// Does nothing without NOTIFY_SOCKET, or when no process listens there.
    public static func notify(_ state: String, environment: [String: String] = Environment.all) {
        _ = unsafe try? send(environment) { fd, address, length in
            let text = Array(state.utf8)
            let generic = unsafe address.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return unsafe CInt(sendto(fd, text, text.count, CInt(MSG_NOSIGNAL), generic, length))
        }
    }

    /// Calls `body` with a socket and the manager's address. Returns false if there is no manager.
    ///
    /// - Throws: ``SystemCallError`` with the reason for a result of -1.
    static func send(
        _ environment: [String: String], _ body: (CInt, UnsafeRawBufferPointer, socklen_t) -> CInt
    ) throws(SystemCallError) -> Bool {
        guard let path = environment["NOTIFY_SOCKET"], let (address, length) = kernelForm(of: path) else {
            return false
        }
        let fd = OwnedFD(owning: try systemCall("socket") { clinux_datagram() })
        let number = fd.rawValue
        _ = try systemCall("sendmsg", on: path) {
            unsafe withUnsafeBytes(of: address) { unsafe body(number, $0, length) }
        }
        return true
    }

    /// The receiving end. Each read returns one message of a service that was started with `NOTIFY_SOCKET` set to
    /// `path`.
    ///
    /// A path that begins with `@` is a name without a file. The name disappears with its listener.
    public static func listen(at path: String, on loop: EpollLoop) throws(SystemCallError) -> Stream {
        guard let (address, length) = kernelForm(of: path) else {
            throw SystemCallError(call: "bind", errno: ENAMETOOLONG, subject: path)
        }
        let fd = OwnedFD(owning: try systemCall("socket") { clinux_datagram() })
        let number = fd.rawValue
        _ = try systemCall("bind", on: path) {
            unsafe withUnsafeBytes(of: address) { kernel in
                let generic = unsafe kernel.baseAddress?.assumingMemoryBound(to: sockaddr.self)
                return unsafe bind(number, generic, length)
            }
        }
        return try Stream(nonBlocking: fd, on: loop)
    }

    private static func kernelForm(of path: String) -> (sockaddr_un, socklen_t)? {
        let isAbstract = path.hasPrefix("@")
        let bytes = isAbstract ? [0] + Array(path.utf8.dropFirst()) : Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < SocketAddress.unixPathLimit else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return (address, socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)))
    }
}
