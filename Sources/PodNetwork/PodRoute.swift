/// One route over the pod's interface.
public struct PodRoute: Hashable, Sendable, CustomStringConvertible {
    /// Who put a route into the table (`rtm_protocol` in linux/rtnetlink.h).
    public struct Origin: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let kernel = Origin(rawValue: 2)
        public static let boot = Origin(rawValue: 3)
        public static let `static` = Origin(rawValue: 4)
        public static let routerAdvertisement = Origin(rawValue: 9)
        public static let dhcp = Origin(rawValue: 16)

        /// By those names that apf.json has for them.
        private static let names = ["kernel": kernel, "boot": boot, "static": `static`, "dhcp": dhcp]

        /// By the name that apf.json has for it; nil if it is none of the four.
        public init?(name: String) {
            guard let origin = Self.names[name] else { return nil }
            self = origin
        }

        /// Its name in apf.json; nil if it has none.
        public var name: String? { Self.names.first { $0.value == self }?.key }
    }

    /// How far away the destination is (`rtm_scope` in linux/rtnetlink.h); IPv6 knows only `universe`.
    public struct Scope: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let universe = Scope(rawValue: 0)
        public static let site = Scope(rawValue: 200)
        public static let link = Scope(rawValue: 253)
        public static let host = Scope(rawValue: 254)
        public static let nowhere = Scope(rawValue: 255)

        private static let names = ["universe": universe, "site": site, "link": link, "host": host, "nowhere": nowhere]

        /// By the name that apf.json has for it; nil if it is none of the five.
        public init?(name: String) {
            guard let scope = Self.names[name] else { return nil }
            self = scope
        }

        /// Its name in apf.json; nil if it has none.
        public var name: String? { Self.names.first { $0.value == self }?.key }
    }

    /// Where to, host bits zero; `0.0.0.0/0` and `::/0` are everywhere that nothing else names.
    public var destination: NetPrefix
    /// Through whom; nil is straight to the link.
    public var gateway: NetAddress?
    /// With which address of the pod as sender, if one is said.
    public var source: NetAddress?
    /// Who made it.
    public var origin: Origin
    /// How far away; of a route without gateway in IPv4 it is `link`, whatever is said.
    public var scope: Scope
    /// The smaller the better; 0 is the kernel's own choice (0 in IPv4, 1024 in IPv6).
    public var priority: UInt32
    /// Whether the gateway is taken to be on the link, though no route says so.
    public var isOnLink: Bool
    /// The largest packet on this way, in bytes; nil is the interface's.
    public var mtu: Int?

    /// A route to `destination`.
    public init(
        to destination: NetPrefix, through gateway: NetAddress? = nil, from source: NetAddress? = nil,
        origin: Origin = .static, scope: Scope? = nil, priority: UInt32 = 0, isOnLink: Bool = false, mtu: Int? = nil
    ) {
        self.destination = destination.network
        self.gateway = gateway
        self.source = source
        self.origin = origin
        self.scope = scope ?? (gateway == nil && !destination.address.isVersion6 ? .link : .universe)
        self.priority = priority
        self.isOnLink = isOnLink
        self.mtu = mtu
    }

    public var description: String {
        var text = destination.description
        if let gateway { text += " via \(gateway)" }
        if let source { text += " from \(source)" }
        if priority != 0 { text += " priority \(priority)" }
        if isOnLink { text += " onlink" }
        return text
    }

    /// What makes two routes the same to the kernel, as far as it would put one in the other's place.
    var key: Key {
        let isVersion6 = destination.address.isVersion6
        return Key(
            destination: destination, priority: priority == 0 && isVersion6 ? 1024 : priority,
            gateway: isVersion6 ? gateway : nil)
    }

    /// See ``PodRoute/key``; in IPv6 several gateways may share a destination.
    struct Key: Hashable {
        let destination: NetPrefix
        let priority: UInt32
        let gateway: NetAddress?
    }

    /// The same, as the kernel takes and shows it.
    var normalized: PodRoute {
        var route = self
        route.destination = destination.network
        if destination.address.isVersion6 {
            route.scope = .universe
            if priority == 0 { route.priority = 1024 }
        } else if gateway == nil {
            route.scope = .link
        } else if scope.rawValue >= Scope.link.rawValue {
            route.scope = .universe
        }
        if gateway == nil { route.isOnLink = false }
        return route
    }
}

/// A neighbour that the pod need not ask for.
public struct PodNeighbor: Hashable, Sendable, CustomStringConvertible {
    /// Whose.
    public var address: NetAddress
    /// What it answers to.
    public var hardwareAddress: LinkAddress

    /// A permanent entry.
    public init(_ address: NetAddress, is hardwareAddress: LinkAddress) {
        self.address = address
        self.hardwareAddress = hardwareAddress
    }

    public var description: String { "\(address) at \(hardwareAddress)" }
}
