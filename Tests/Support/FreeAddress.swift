package import LinuxIO

/// A TCP address on which no process listens. Each has an IP address of its own, so that no other test's listener gets its port.
package func freeAddress(on loop: EpollLoop) throws -> SocketAddress {
    let host = hosts.withLock { host in
        host += 1
        return host
    }
    let listener = try Listener.listen(on: .tcp(host: "127.1.\(host / 250).\(host % 250 + 1)", port: 0), loop: loop)
    defer { listener.close() }
    return listener.address
}

private let hosts = Lock(0)
