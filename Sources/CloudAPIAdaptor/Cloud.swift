internal import LinuxIO
internal import PodConnection
internal import PodVMLifecycle
internal import Telemetry

/// A cloud for pod VMs, with the services that its provider needs.
struct Cloud: Sendable {
    /// Creates a cloud on the daemon's loop.
    typealias Factory = @Sendable (EpollLoop, Logger, Metrics) async throws -> Cloud

    let provider: any CloudProvider
    /// Run from before the first request to the provider until after the last; if one ends, the daemon ends.
    var services: [@Sendable () async throws -> Void]
    var reach = VMReach.network(interface: nil)
    /// Whether this is the fake Azure, a child of this process.
    var isFake = false
    /// Reads the settings again, uses those that can change and logs which; passes the adaptor's own to `use`. Changes none
    /// when one of them is wrong.
    var reload: @Sendable (_ use: (AdaptorConfiguration) -> Void) -> Void = { _ in }
    /// Asks the cloud whether its configuration is correct; throws when it is not.
    var verify: @Sendable () async throws -> Void = {}
    /// Ends what the services rely on. To be called once they have ended.
    var end: @Sendable () async -> Void = {}
}
