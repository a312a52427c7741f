/// A VXLAN interface of another program in this host's namespace that uses the UDP port of the pods' tunnels.
public struct OtherTunnel: Equatable, Sendable, CustomStringConvertible {
    /// The interface's name, such as `flannel.1`.
    public let interface: String
    /// The tunnel's identifier; 0 if each packet has its own.
    public let identifier: UInt32
    /// The UDP port.
    public let port: Int
    /// Whether the interface uses the whole port, so no pod can have a tunnel on it.
    public let isExclusive: Bool

    init?(_ link: Link, port: Int) {
        guard let vxlan = link.vxlan, vxlan.port == port else { return nil }
        interface = link.name
        identifier = vxlan.identifier
        self.port = port
        isExclusive = vxlan.isExternal
    }

    /// The other tunnel in error messages.
    public var description: String {
        isExclusive
            ? "The interface \(interface) takes UDP port \(port) for itself, as Cilium's do, so no pod can have a tunnel. Choose another -vxlan-port."
            : "The interface \(interface) (VXLAN \(identifier)) uses UDP port \(port) too. Pods' tunnels work beside it, with other VXLAN identifiers."
    }
}
