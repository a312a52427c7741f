internal import KataProtocol
internal import LinuxIO

/// The interfaces and routes that the stand-in has received: it keeps them, and configures none.
final class AgentNetwork: Sendable {
    private struct State {
        var interfaces: [NetworkInterface] = []
        var routes = Routes()
    }

    private let state = Lock(State())

    var interfaces: [NetworkInterface] { state.withLock { $0.interfaces } }
    var routes: Routes { state.withLock { $0.routes } }

    /// Adds an interface, or replaces the one with the same hardware address.
    func update(_ interface: NetworkInterface) {
        state.withLock { state in
            state.interfaces.removeAll { $0.hardwareAddress == interface.hardwareAddress }
            state.interfaces.append(interface)
        }
    }

    func replaceRoutes(_ routes: Routes) { state.withLock { $0.routes = routes } }
}
