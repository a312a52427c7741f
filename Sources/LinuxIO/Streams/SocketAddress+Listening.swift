internal import CLinux
internal import Glibc

extension SocketAddress {
    /// Parses the address to listen on, `host:port`, as Go's `net.Listen` does.
    ///
    /// The host may be a name. The name is resolved immediately, so this function may block. It takes the first IPv4
    /// address of the name, or the first address if there is no IPv4 address. Without a host (`:15150`) it means all
    /// addresses of this machine, of both families if the kernel has IPv6.
    public init(listening text: String) throws(AddressError) {
        guard let colon = text.lastIndex(of: ":") else {
            self = try SocketAddress(parsing: text)
            return
        }
        let host = String(text[..<colon])
        let everything = Self.hasVersion6 ? "[::]" : "0.0.0.0"
        let address = try SocketAddress(
            parsing: (host.isEmpty ? everything : Self.isName(host) ? "0.0.0.0" : host) + text[colon...])
        guard Self.isName(host), case .tcp(_, let port) = address else {
            self = address
            return
        }
        self = .tcp(host: try Self.lookUp(host), port: port)
    }

    private static var hasVersion6: Bool {
        let number = clinux_socket(AF_INET6)
        guard number >= 0 else { return false }
        _ = OwnedFD(owning: number)
        return true
    }

    /// Whether the text is a host name: letters, digits, dashes and dots, and not an address.
    private static func isName(_ host: String) -> Bool {
        host.utf8.count < 254 && host.contains(where: \.isLetter)
            && host.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// The numeric address of a host name.
    private static func lookUp(_ name: String) throws(AddressError) -> String {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(name, nil, &hints, &list)
        guard code == 0 else {
            throw AddressError(
                description: "the name \(name) cannot be resolved: \(unsafe String(cString: gai_strerror(code)))")
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [String] = []
        var next = unsafe list
        while let entry = unsafe next?.pointee {
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let isNumeric =
                unsafe getnameinfo(
                    entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            if isNumeric {
                found.append(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
            }
            unsafe next = entry.ai_next
        }
        guard let address = found.first(where: { !$0.contains(":") }) ?? found.first else {
            throw AddressError(description: "the name \(name) has no address")
        }
        return address
    }
}
