internal import LinuxIO
public import Telemetry

/// What a daemon keeps of its rights once it serves: the fewest capabilities, and the system calls that it makes.
///
/// It holds for the rest of the process's life and for every program that the process starts.
public struct Hardening: Sendable {
    private let capabilities: [Capability]
    private let filter: SystemCallFilter

    /// For the pod VM's daemon after its start; `entersNetworks` if there is a pod network to look at.
    public static func forwarder(entersNetworks: Bool) -> Hardening {
        // Its part of the pod's network is made. To read its state it enters podns (SYS_ADMIN), and asks the kernel
        // for the policies that admit only the node's packets (NET_ADMIN).
        Hardening(
            capabilities: entersNetworks ? [.netAdmin, .sysAdmin] : [],
            filter: .forwarder(entersNetworks: entersNetworks))
    }

    /// For the program that writes the files of the VM's user data.
    public static let provision = Hardening(capabilities: [], filter: .provision)

    /// For the node's daemon before it serves; `entersNetworks` if it makes pods' networks.
    public static func adaptor(entersNetworks: Bool, bindsLowPort: Bool) -> Hardening {
        // SYS_ADMIN to enter pods' namespaces; NET_ADMIN for links, routes and rules there and on the node.
        Hardening(
            capabilities: (entersNetworks ? [.netAdmin, .sysAdmin] : []) + (bindsLowPort ? [.netBindService] : []),
            filter: .adaptor(entersNetworks: entersNetworks))
    }

    /// Drops everything else, permanently. Call it while the process has one thread.
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

/// Why a process has rights that it does not need, and does not go on with them.
public struct HardeningError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The failed operation, the reason and what to do.
    public let description: String

    init(_ reason: String, advice: String?) { description = advice.map { "\(reason); \($0)" } ?? reason }
}
