internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// A cloud for pod VMs, with the services that its provider needs.
struct Cloud: Sendable {
    /// Creates a cloud on the daemon's loop.
    typealias Factory = @Sendable (EpollLoop, Logger, Metrics) async throws -> Cloud

    /// How this node reaches the VMs.
    enum Reach: Sendable {
        /// The VMs are hosts of a network that this node is in, behind this interface; nil: behind the default route's.
        case network(interface: String?)
        /// The VMs have loopback addresses, for this reason; pods get no network.
        case loopback(reason: String)
    }

    let provider: any CloudProvider
    /// Run from before the first request to the provider until after the last; if one ends, the daemon ends.
    var services: [@Sendable () async throws -> Void]
    var reach = Reach.network(interface: nil)
    /// Whether this is the fake Azure, a child of this process.
    var isFake = false
    /// Asks the cloud whether its configuration is correct; throws when it is not.
    var verify: @Sendable () async throws -> Void = {}
    /// Ends what the services rely on. To be called once they have ended.
    var end: @Sendable () async -> Void = {}
}
