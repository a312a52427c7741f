/// One route over the pod's interface.
public struct PodRoute: Hashable, Sendable, CustomStringConvertible {
    /// The origin of a route (`rtm_protocol` in linux/rtnetlink.h).
    public struct Origin: RawRepresentable, Hashable, Sendable {
        /// The kernel's number.
        public let rawValue: UInt8
        /// The origin with the kernel's number.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The kernel.
        public static let kernel = Origin(rawValue: 2)
        /// The boot scripts.
        public static let boot = Origin(rawValue: 3)
        /// The administrator.
        public static let `static` = Origin(rawValue: 4)
        /// A router's announcement.
        package static let routerAdvertisement = Origin(rawValue: 9)
        /// A DHCP client.
        public static let dhcp = Origin(rawValue: 16)

        /// The names in apf.json.
        private static let names = ["kernel": kernel, "boot": boot, "static": `static`, "dhcp": dhcp]

        /// The origin with this name in apf.json; nil for an unknown name.
        public init?(name: String) {
            guard let origin = Self.names[name] else { return nil }
            self = origin
        }

        /// The name in apf.json; nil if there is none.
        public var name: String? { Self.names.first { $0.value == self }?.key }
    }

    /// The distance to the destination (`rtm_scope` in linux/rtnetlink.h); IPv6 knows only `universe`.
    public struct Scope: RawRepresentable, Hashable, Sendable {
        /// The kernel's number.
        public let rawValue: UInt8
        /// The scope with the kernel's number.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Behind a gateway.
        public static let universe = Scope(rawValue: 0)
        /// In this site.
        public static let site = Scope(rawValue: 200)
        /// On this link.
        public static let link = Scope(rawValue: 253)
        /// This host.
        public static let host = Scope(rawValue: 254)
        /// A destination that does not exist.
        public static let nowhere = Scope(rawValue: 255)

        private static let names = ["universe": universe, "site": site, "link": link, "host": host, "nowhere": nowhere]

        /// The scope with this name in apf.json; nil for an unknown name.
        public init?(name: String) {
            guard let scope = Self.names[name] else { return nil }
            self = scope
        }

        /// The name in apf.json; nil if there is none.
        public var name: String? { Self.names.first { $0.value == self }?.key }
    }

    /// The destination, with host bits zero; `0.0.0.0/0` and `::/0` make a default route.
    public var destination: NetPrefix
    /// The gateway; nil means that the destination is on the link.
    public var gateway: NetAddress?
    /// The preferred source address of the pod, if there is one.
    public var source: NetAddress?
    /// The route's origin.
    public var origin: Origin
    /// The route's scope; an IPv4 route without a gateway always gets `link`.
    public var scope: Scope
    /// The route's metric: the lowest wins; 0 is the kernel's default (0 in IPv4, 1024 in IPv6).
    public var priority: UInt32
    /// Whether the gateway counts as on the link although no route says so.
    public var isOnLink: Bool
    /// The MTU of this route, in bytes; nil means the interface's MTU.
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

    /// The route in log lines, in the syntax of ip-route(8).
    public var description: String {
        var text = destination.description
        if let gateway { text += " via \(gateway)" }
        if let source { text += " from \(source)" }
        if priority != 0 { text += " priority \(priority)" }
        if isOnLink { text += " onlink" }
        return text
    }

    /// The properties by which the kernel replaces one route with another.
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

    /// This route as the kernel stores and lists it.
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

/// A permanent neighbour entry. The pod need not resolve the address.
public struct PodNeighbor: Hashable, Sendable, CustomStringConvertible {
    /// The neighbour's IP address.
    public var address: NetAddress
    /// The neighbour's Ethernet address.
    public var hardwareAddress: LinkAddress

    /// A permanent entry.
    public init(_ address: NetAddress, is hardwareAddress: LinkAddress) {
        self.address = address
        self.hardwareAddress = hardwareAddress
    }

    /// The neighbor in log lines: both addresses.
    public var description: String { "\(address) at \(hardwareAddress)" }
}
