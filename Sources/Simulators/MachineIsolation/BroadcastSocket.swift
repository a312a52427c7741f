internal import Glibc
package import LinuxIO

/// UDP on one interface to and from hosts that have no address yet.
package struct BroadcastSocket: Sendable {
    /// Receives what comes to the port, one message a read.
    package let input: Stream
    /// Sends a message with each write to all hosts.
    package let output: Stream

    /// Opens both on `interface` of the caller's network namespace.
    package init(on interface: String, port: UInt16, to target: UInt16, loop: EpollLoop) throws {
        let receiver = try Self.open(on: interface, port: port)
        let sender = try Self.open(on: interface, port: port)
        var everyone = Self.address(INADDR_BROADCAST, target)
        _ = try systemCall("connect", on: interface) {
            unsafe withUnsafePointer(to: &everyone) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(sender.rawValue, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        input = try Stream(receiver, on: loop)
        output = try Stream(sender, on: loop)
    }

    private static func open(on interface: String, port: UInt16) throws(SystemCallError) -> OwnedFD {
        let number = try systemCall("socket", on: interface) {
            socket(AF_INET, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        }
        let descriptor = OwnedFD(owning: number)
        for option in [SO_REUSEADDR, SO_BROADCAST] {
            var yes: CInt = 1
            _ = try systemCall("setsockopt", on: interface) {
                unsafe setsockopt(number, SOL_SOCKET, option, &yes, socklen_t(MemoryLayout<CInt>.size))
            }
        }
        let name = Array(interface.utf8)
        _ = try systemCall("setsockopt(SO_BINDTODEVICE)", on: interface) {
            unsafe setsockopt(number, SOL_SOCKET, SO_BINDTODEVICE, name, socklen_t(name.count))
        }
        var own = address(INADDR_ANY, port)
        _ = try systemCall("bind", on: "port \(port) of \(interface)") {
            unsafe withUnsafePointer(to: &own) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        return descriptor
    }

    private static func address(_ host: in_addr_t, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return address
    }
}
