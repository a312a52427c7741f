internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// A cloud that pod VMs live in, with what has to run beneath it.
struct Cloud: Sendable {
    /// Makes it, on the daemon's loop.
    typealias Factory = @Sendable (EpollLoop, Logger, Metrics) throws -> Cloud

    let provider: any CloudProvider
    /// They run from before anything is asked of the provider until after the last that asks has ended; if one ends,
    /// so does the daemon.
    let services: [@Sendable () async throws -> Void]
    /// Whether the cloud's configuration is good, by asking the cloud; throws when it is not.
    var verify: @Sendable () async throws -> Void = {}
}
