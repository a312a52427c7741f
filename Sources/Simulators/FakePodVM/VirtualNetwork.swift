internal import FakeCloud
internal import LinuxIO
internal import PodNetwork

/// The network of a virtual machine within its namespace: eth0, which leads to the bridge outside, becomes a port of an
/// inner bridge, and the guest's interface is another port.
///
///     guest's eth0 ─ tap0 ─┐
///                          ├─ br0   lo 169.254.169.254: the metadata service
///     bridge outside ─ eth0┘
struct VirtualNetwork: Sendable {
    static let (bridge, tap) = ("br0", "tap0")

    let network: NetPrefix
    let gateway: NetAddress

    /// The network of the hardware's description; nil if it has none.
    init?(_ hardware: VirtualHardware) {
        guard let text = hardware.network, let network = NetPrefix(text), let address = hardware.gateway,
            let gateway = NetAddress(address), !network.address.isVersion6
        else { return nil }
        self.network = network
        self.gateway = gateway
    }

    /// The Ethernet address of the guest: the one that the bridge outside knows.
    var guestHardwareAddress: [UInt8] { [0x02, 0] + network.address.bytes }

    /// The commands of `ip -batch`.
    var commands: String {
        let own = Self.text([0x02, 1] + network.address.bytes)
        let (bridge, tap) = (Self.bridge, Self.tap)
        return """
            link set dev eth0 down
            address flush dev eth0
            link set dev eth0 address \(own)
            link add name \(bridge) type bridge mcast_snooping 0
            link set dev \(bridge) addrgenmode none
            tuntap add dev \(tap) mode tap
            link set dev eth0 master \(bridge)
            link set dev \(tap) master \(bridge)
            link set dev eth0 up
            link set dev \(tap) up
            link set dev \(bridge) up
            route add \(network.address) dev \(bridge)

            """
    }

    /// An Ethernet address as text.
    static func text(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
