internal import Configuration
internal import PodVMBoot

/// How the pods' networks reach the VMs.
package struct NetworkSettings: Sendable {
    /// The kind of tunnel; there is one kind.
    var tunnelType = PodNetworkDescription.tunnelType
    /// The UDP port of the tunnels.
    package var vxlanPort = 4789
    /// The lowest VXLAN identifier.
    var vxlanMinimumID = 555_000
    /// The interface for the tunnels' packets; empty: the default route's.
    var hostInterface = ""
    /// Further networks that pods reach through the node.
    var podSubnets: [String] = []
    /// Whether pods should reach the outside from their VM.
    var isExternalThroughVM = false
    /// Whether pods without a network namespace start.
    var allowsPodsWithoutNetwork = false

    /// The defaults.
    init() {}

    /// The flags and variables.
    static let settings: [Setting<NetworkSettings>] = [
        Setting(
            "tunnel-type", environment: "TUNNEL_TYPE", \.tunnelType,
            .choice([(PodNetworkDescription.tunnelType, PodNetworkDescription.tunnelType)]),
            "The kind of tunnel between a pod's network namespace and its VM."),
        Setting(
            "vxlan-port", environment: "VXLAN_PORT", \.vxlanPort, .integer(in: 1...65535),
            "The UDP port of the tunnels."),
        Setting(
            "vxlan-min-id", \.vxlanMinimumID, .integer(in: 1...0xff_ffff),
            "The lowest VXLAN network identifier. Each tunnel has a random identifier from this one to 16777215."),
        Setting(
            "host-interface", \.hostInterface, .string("NAME"),
            "The interface for the tunnels' packets. Without it, the interface of the default route."),
        Setting(
            "pod-subnet-cidrs", environment: "POD_SUBNET_CIDRS", \.podSubnets, .list("CIDR,..."),
            "Further networks that pods reach through the node."),
        Setting(
            "ext-network-via-podvm", environment: "EXTERNAL_NETWORK_VIA_PODVM", \.isExternalThroughVM, .bool,
            "Let pods reach external networks from their VM instead of through the node. Not supported yet."),
        Setting(
            "allow-pods-without-network", environment: "ALLOW_PODS_WITHOUT_NETWORK", \.allowsPodsWithoutNetwork, .bool,
            """
            Also start pods without a network namespace. Their VMs have no pod network, and the Go adaptor's forwarder \
            exits without one. With -fake-cloud such pods always start.
            """
        ),
    ]

    /// Settings that are allowed but probably not intended, as a sentence each.
    var warnings: [String] {
        var warnings: [String] = []
        if allowsPodsWithoutNetwork {
            warnings.append(
                "-allow-pods-without-network: a sandbox without a network namespace stays until StopVM, even if its shim "
                    + "has exited")
        }
        if isExternalThroughVM {
            warnings.append(
                "-ext-network-via-podvm has no effect yet: pods reach external networks through the node")
        }
        return warnings
    }
}
