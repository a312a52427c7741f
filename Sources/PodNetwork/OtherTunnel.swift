/// A VXLAN interface of somebody else in this host's namespace, with the UDP port that ours are to have.
public struct OtherTunnel: Equatable, Sendable, CustomStringConvertible {
    /// Such as `flannel.1`.
    public let interface: String
    /// Its identifier; 0 if each packet brings its own.
    public let identifier: UInt32
    /// The port.
    public let port: Int
    /// Whether none of ours can be beside it: it takes the port for itself.
    public let isExclusive: Bool

    init?(_ link: Link, port: Int) {
        guard let vxlan = link.vxlan, vxlan.port == port else { return nil }
        interface = link.name
        identifier = vxlan.identifier
        self.port = port
        isExclusive = vxlan.isExternal
    }

    public var description: String {
        isExclusive
            ? "The interface \(interface) has UDP port \(port) to itself (as Cilium's do): pods get no network. Choose another -vxlan-port."
            : "The interface \(interface) (VXLAN \(identifier)) has UDP port \(port) too: both work as long as their identifiers differ."
    }
}
