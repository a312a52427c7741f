internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// A cloud that pod VMs live in, with what has to run beneath it.
struct Cloud: Sendable {
    /// Makes it, on the daemon's loop.
    typealias Factory = @Sendable (EpollLoop, Logger, Metrics) throws -> Cloud

    /// How its VMs are reached from this node.
    enum Reach: Sendable {
        /// As hosts of a network that this node is in, too: by the interface named, or else the default route's.
        case network(interface: String?)
        /// By addresses of this machine itself, because of `reason`: no pod's network can lead there.
        case loopback(reason: String)
    }

    let provider: any CloudProvider
    /// They run from before anything is asked of the provider until after the last that asks has ended; if one ends,
    /// so does the daemon.
    let services: [@Sendable () async throws -> Void]
    var reach = Reach.network(interface: nil)
    /// Whether its VMs are programs that this process starts, which inherit what it may do.
    var startsPrograms = false
    /// Whether the cloud's configuration is good, by asking the cloud; throws when it is not.
    var verify: @Sendable () async throws -> Void = {}
}
