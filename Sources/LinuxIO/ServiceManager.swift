internal import CLinux
internal import Glibc

/// The service manager that started us, if it wants to hear.
public enum ServiceManager {
    /// Tells systemd `state`, such as `READY=1` or `STOPPING=1` (sd_notify(3)).
    ///
    /// Without NOTIFY_SOCKET, or when nobody listens there, nothing happens.
    public static func notify(_ state: String, environment: [String: String] = Environment.all) {
        guard var path = environment["NOTIFY_SOCKET"], !path.isEmpty else { return }
        let isAbstract = path.hasPrefix("@")
        if isAbstract { path.removeFirst() }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = (isAbstract ? [0] : []) + Array(path.utf8)
        guard bytes.count < SocketAddress.unixPathLimit else { return }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
        let number = clinux_datagram()
        if number == -1 { return }
        let fd = OwnedFD(owning: number)
        let text = Array(state.utf8)
        unsafe withUnsafeBytes(of: &address) { kernel in
            let generic = unsafe kernel.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            _ = unsafe sendto(fd.rawValue, text, text.count, CInt(MSG_NOSIGNAL), generic, length)
        }
    }
}
