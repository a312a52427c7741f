internal import CLinux
internal import Glibc

extension Stream {
    /// The user that connected to this unix socket, as the kernel has noted it; nil for another kind of stream.
    public var peerUser: UInt32? {
        var user: UInt32 = 0
        let result = try? withDescriptor { unsafe clinux_peer_user($0, &user) }
        return result == 0 ? user : nil
    }

    /// Whether the peer of this unix socket runs as root or as this process's user.
    public var isPeerTrusted: Bool { peerUser.map { $0 == 0 || $0 == geteuid() } ?? false }
}
