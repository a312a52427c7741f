internal import KataProtocol
internal import LinuxIO

/// The interfaces and routes the stand-in was told to have: it remembers them, and sets up none.
final class AgentNetwork: Sendable {
    private struct State {
        var interfaces: [NetworkInterface] = []
        var routes = Routes()
    }

    private let state = Lock(State())

    var interfaces: [NetworkInterface] { state.withLock { $0.interfaces } }
    var routes: Routes { state.withLock { $0.routes } }

    /// Adds an interface, or replaces the one with its hardware address.
    func update(_ interface: NetworkInterface) {
        state.withLock { state in
            state.interfaces.removeAll { $0.hardwareAddress == interface.hardwareAddress }
            state.interfaces.append(interface)
        }
    }

    func replaceRoutes(_ routes: Routes) { state.withLock { $0.routes = routes } }
}

/// Counts calls, for the fault that ends the stand-in after some of them.
final class CallCount: Sendable {
    private let count = Lock(0)

    /// The number of this call, from 1.
    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
