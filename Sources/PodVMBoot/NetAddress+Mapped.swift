internal import PodNetwork

extension NetAddress {
    /// Parses an address of the boot document. An IPv4-mapped address (`::ffff:10.0.0.1`) becomes its IPv4 address.
    ///
    /// Go's `net.IP` stores an IPv4 address in 4 or 16 bytes, and `netip` writes 16 bytes as an IPv4-mapped address.
    /// The kernel has no route to such an address.
    init?(unmapping text: String) {
        guard let address = NetAddress(text) else { return nil }
        self = address.mapped ?? address
    }

    /// The IPv4 address in an IPv4-mapped address; nil for any other address.
    fileprivate var mapped: NetAddress? {
        guard bytes.count == 16, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10...11].allSatisfy({ $0 == 0xFF }) else {
            return nil
        }
        return NetAddress(bytes: Array(bytes[12...]))
    }
}

extension NetPrefix {
    /// Parses a prefix of the boot document. An IPv4-mapped prefix (`::ffff:0.0.0.0/0`) becomes its IPv4 prefix.
    ///
    /// The length is that of Go's mask: of 4 bytes (up to 32), or of 16 bytes (96 or more). Any other length gives nil.
    init?(unmapping text: String) {
        guard let prefix = NetPrefix(text) else { return nil }
        guard let address = prefix.address.mapped else {
            self = prefix
            return
        }
        self.init(address, length: prefix.length <= address.bytes.count * 8 ? prefix.length : prefix.length - 96)
    }
}
