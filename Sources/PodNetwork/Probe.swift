internal import Glibc
internal import LinuxIO

/// A packet without a receiver. Each interface on the path counts it, and the last host discards it.
///
/// The counters of an idle path do not change. A probe changes them.
enum Probe {
    /// The port of the discard service (RFC 863), which no host runs.
    private static let port = UInt16(9)

    /// Sends a probe from the thread's namespace through `interface` to `target`. It needs no capability.
    static func send(to target: NetAddress, by interface: String) throws(PodNetworkError) {
        do throws(SystemCallError) {
            let number = try systemCall("socket", on: interface) { socket(target.family, CInt(SOCK_DGRAM.rawValue), 0) }
            let fd = OwnedFD(owning: number)
            var yes: CInt = 1
            let name = Array(interface.utf8)
            _ = try systemCall("setsockopt(SO_BINDTODEVICE)", on: interface) {
                unsafe setsockopt(fd.rawValue, SOL_SOCKET, SO_BINDTODEVICE, name, socklen_t(name.count))
            }
            _ = try systemCall("setsockopt(SO_BROADCAST)", on: interface) {
                unsafe setsockopt(fd.rawValue, SOL_SOCKET, SO_BROADCAST, &yes, socklen_t(MemoryLayout<CInt>.size))
            }
            let address = socketAddress(of: target)
            _ = try systemCall("sendto \(target)", on: interface) {
                unsafe address.withUnsafeBytes { bytes in
                    unsafe sendto(
                        fd.rawValue, nil, 0, CInt(MSG_DONTWAIT),
                        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
                }
            }
        } catch {
            throw PodNetworkError(error)
        }
    }

    /// A `sockaddr_in` or `sockaddr_in6`. The kernel sets the scope of a `sockaddr_in6` from the interface of the
    /// socket.
    private static func socketAddress(of target: NetAddress) -> [UInt8] {
        let family = withBytes(sa_family_t(target.family))
        let start = family + withBytes(port.bigEndian)
        let zeros = { [UInt8](repeating: 0, count: $0) }
        return target.isVersion6 ? start + zeros(4) + target.bytes + zeros(4) : start + target.bytes + zeros(8)
    }

    private static func withBytes(_ value: UInt16) -> [UInt8] {
        unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    }
}
