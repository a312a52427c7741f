internal import PodNetwork

extension NetAddress {
    /// Parses an address of the boot document; of an IPv4-mapped one (`::ffff:10.0.0.1`), the IPv4 address in it.
    ///
    /// Go's `net.IP` holds an IPv4 address in four bytes or in sixteen, and `netip` writes the latter as IPv4-mapped. The
    /// kernel has no route to such an address.
    init?(unmapping text: String) {
        guard let address = NetAddress(text) else { return nil }
        self = address.mapped ?? address
    }

    /// The IPv4 address in an IPv4-mapped one; nil in any other.
    fileprivate var mapped: NetAddress? {
        guard bytes.count == 16, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10...11].allSatisfy({ $0 == 0xFF }) else {
            return nil
        }
        return NetAddress(bytes: Array(bytes[12...]))
    }
}

extension NetPrefix {
    /// Parses a prefix of the boot document; of an IPv4-mapped one (`::ffff:0.0.0.0/0`), the IPv4 prefix in it.
    ///
    /// Its length is that of the mask which Go had beside the address: of four bytes (up to 32), or of sixteen (from 96 up).
    /// Any other is nil.
    init?(unmapping text: String) {
        guard let prefix = NetPrefix(text) else { return nil }
        guard let address = prefix.address.mapped else {
            self = prefix
            return
        }
        self.init(address, length: prefix.length <= address.bytes.count * 8 ? prefix.length : prefix.length - 96)
    }
}
