/// Why the kernel's packet filter is not as it should be.
public struct PacketFilterError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was to be done, on what, why it failed, and what helps.
    public let description: String

    init(_ what: String, _ reason: String) {
        let words = reason.split(separator: "\n").first.map(String.init) ?? "no reason given"
        description =
            "\(what): \(words). This needs the capability NET_ADMIN and a kernel with nf_tables (CONFIG_NF_TABLES_INET, "
            + "CONFIG_NFT_CT)."
    }
}
