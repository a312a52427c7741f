import Glibc
import LinuxIO
import NetworkRig

@testable import PodNetwork

/// TCP between two namespaces: how many of the bytes that one sends the other gets, unchanged.
enum Traffic {
    struct Failure: Error {
        let step: String
        let errno: CInt
    }

    static func tcp(
        from client: NetworkNamespace, to server: NetworkNamespace, at text: String, port: UInt16 = 8080, bytes: Int
    ) async throws -> Int {
        let name = try address(text)
        let listener = OwnedFD(owning: try server.run { attempt("listen") { try listen(name, port) } }.get())
        let sender = OwnedFD(owning: try client.run { attempt("connect") { try connect(name, port) } }.get())
        let receiver = OwnedFD(owning: accept(listener.rawValue, nil, nil))
        guard receiver.rawValue >= 0 else { throw Failure(step: "accept", errno: errno) }
        let (out, into) = (sender.rawValue, receiver.rawValue)
        async let sent: Void = Thread.offLoop {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            for index in chunk.indices { chunk[index] = UInt8(truncatingIfNeeded: index &* 31) }
            var left = bytes
            while left > 0 {
                let count = unsafe send(out, chunk, min(left, chunk.count), CInt(MSG_NOSIGNAL))
                guard count > 0 else { break }
                left -= count
                chunk = Array(chunk[count...] + chunk[..<count])
            }
            shutdown(out, CInt(SHUT_WR))
        }
        let received = try await Thread.offLoop {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            var total = 0
            while true {
                let count = unsafe recv(into, &buffer, buffer.count, 0)
                guard count > 0 else { return total }
                for index in 0..<count
                where buffer[index] != UInt8(truncatingIfNeeded: ((total + index) % 65_536) &* 31) {
                    return -1
                }
                total += count
            }
        }
        try await sent
        // Both are open until here.
        _ = (sender.rawValue, receiver.rawValue)
        return received
    }

    private static func attempt(_ step: String, _ body: () throws -> CInt) -> Result<CInt, any Error> {
        Result { try body() }
    }

    /// `bind` or `connect`, with a socket address made of an address's text.
    private static func call(
        _ function: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt, _ fd: CInt, _ address: NetAddress,
        _ port: UInt16
    ) -> CInt {
        let portBytes = [UInt8(port >> 8), UInt8(port & 0xFF)]
        // sockaddr_in, and sockaddr_in6 with its flow and scope.
        let bytes =
            [UInt8(address.family), 0] + portBytes
            + (address.isVersion6
                ? [0, 0, 0, 0] + address.bytes + [0, 0, 0, 0] : address.bytes + [UInt8](repeating: 0, count: 8))
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe function(fd, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
    }

    private static func make(_ family: CInt) throws -> CInt {
        let fd = socket(family, CInt(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { throw Failure(step: "socket", errno: errno) }
        var (patience, yes) = (timeval(tv_sec: 5, tv_usec: 0), CInt(1))
        unsafe setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        return fd
    }

    private static func listen(_ address: NetAddress, _ port: UInt16) throws -> CInt {
        let fd = try make(address.family)
        guard unsafe call({ unsafe bind($0, $1, $2) }, fd, address, port) == 0, Glibc.listen(fd, 8) == 0 else {
            throw Failure(step: "bind \(address)", errno: errno)
        }
        return fd
    }

    static func connect(_ address: NetAddress, _ port: UInt16) throws -> CInt {
        let fd = try make(address.family)
        guard unsafe call({ unsafe Glibc.connect($0, $1, $2) }, fd, address, port) == 0 else {
            throw Failure(step: "connect \(address)", errno: errno)
        }
        return fd
    }
}
