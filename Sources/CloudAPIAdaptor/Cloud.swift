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

    /// What reading the settings again has changed.
    struct Reloaded: Sendable {
        /// The settings that VMs get from now on. A secret has the value `‹secret›`.
        var changed: [(name: String, value: String)]
        /// The names of settings that differ from those at the start, and need a restart.
        var ignored: [String]
        /// The time limit for the first answer of a VM's agent from now on; nil when it was not read.
        var proxyTimeout: Duration?
    }

    let provider: any CloudProvider
    /// Run from before the first request to the provider until after the last; if one ends, the daemon ends.
    var services: [@Sendable () async throws -> Void]
    var reach = Reach.network(interface: nil)
    /// Whether this is the fake Azure, a child of this process.
    var isFake = false
    /// Reads the settings again and uses those that can change; throws when one of them is wrong, and then changes none.
    var reload: @Sendable () throws -> Reloaded = { Reloaded(changed: [], ignored: []) }
    /// Asks the cloud whether its configuration is correct; throws when it is not.
    var verify: @Sendable () async throws -> Void = {}
    /// Ends what the services rely on. To be called once they have ended.
    var end: @Sendable () async -> Void = {}
}
