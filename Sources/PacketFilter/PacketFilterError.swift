/// The failure of an operation on the kernel's packet filter.
public struct PacketFilterError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operation, its object, the reason, and what to do next.
    public let description: String

    init(_ what: String, _ reason: String) {
        let words = reason.split(separator: "\n").first.map(String.init) ?? "no reason given"
        description =
            "\(what) failed: \(words). This needs the capability NET_ADMIN and a kernel with nf_tables (CONFIG_NF_TABLES_INET, "
            + "CONFIG_NFT_CT)."
    }
}
