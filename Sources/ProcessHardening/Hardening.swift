internal import LinuxIO
public import Telemetry

/// The rights that a daemon keeps when it serves: the fewest capabilities, and the system calls that it makes.
///
/// The limits apply until the process ends, and to every program that the process starts.
public struct Hardening: Sendable {
    private let capabilities: [Capability]
    private let filter: SystemCallFilter

    /// For the pod VM's daemon after its start. `entersNetworks` says whether there is a pod network to read.
    public static func forwarder(entersNetworks: Bool) -> Hardening {
        // The pod network of the VM is already set up. To read its state, the daemon enters podns (SYS_ADMIN) and asks
        // the kernel for the policies that admit only the node's packets (NET_ADMIN).
        Hardening(
            capabilities: entersNetworks ? [.netAdmin, .sysAdmin] : [],
            filter: .forwarder(entersNetworks: entersNetworks))
    }

    /// For the program that writes the files of the VM's user data.
    public static let provision = Hardening(capabilities: [], filter: .provision)

    /// Listening on a lower port needs a capability (ip_unprivileged_port_start of ip-sysctl).
    private static let firstUnprivilegedPort = 1024

    /// For the node's daemon before it serves. `entersNetworks` says whether it makes pod networks; `port` is the TCP port
    /// that it will listen on, 0 for any.
    public static func adaptor(entersNetworks: Bool, listensOnPort port: Int) -> Hardening {
        // SYS_ADMIN to enter pods' namespaces. NET_ADMIN for links, routes and rules in the namespaces and on the node.
        Hardening(
            capabilities: (entersNetworks ? [.netAdmin, .sysAdmin] : [])
                + (1..<firstUnprivilegedPort ~= port ? [.netBindService] : []),
            filter: .adaptor(entersNetworks: entersNetworks))
    }

    /// For the process that holds the shims' connections, before it serves.
    public static let gateway = Hardening(capabilities: [], filter: .gateway)

    /// For the cluster's controller, before it serves.
    public static let controller = Hardening(capabilities: [], filter: .controller)

    /// Drops all other rights permanently. Call this while the process has one thread.
    ///
    /// - Throws: ``HardeningError``.
    public func apply(_ mode: SystemCallFilter.Mode, logger: Logger = .silent) throws(HardeningError) {
        do throws(SystemCallError) {
            try Privileges.keepOnly(capabilities)
        } catch {
            throw HardeningError("Capabilities cannot be dropped: \(error)", advice: nil)
        }
        do throws(SystemCallError) {
            try filter.install(mode)
        } catch {
            throw HardeningError(
                "System calls cannot be filtered: \(error)",
                advice: "start with -seccomp off if this kernel has no seccomp filters")
        }
        logger.info(
            "Dropped privileges",
            [
                LogField("capabilities", capabilities.map(\.description).joined(separator: " ")),
                LogField("seccomp", mode.rawValue),
            ])
    }
}

/// The reason why a process has rights that it does not need. The process does not continue with them.
public struct HardeningError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The failed operation, the reason and the action to take.
    public let description: String

    init(_ reason: String, advice: String?) { description = advice.map { "\(reason); \($0)" } ?? reason }
}
