/// 64-bit FNV-1a: a hash that is the same in every process and every build, unlike Swift's own. Not for secrets.
public enum FNV1a {
    @usableFromInline static let offsetBasis: UInt64 = 0xcbf2_9ce4_8422_2325
    @usableFromInline static let prime: UInt64 = 0x100_0000_01b3

    /// The hash of `bytes`. Inlinable, because without the type of the sequence each byte costs several calls.
    @inlinable
    public static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(offsetBasis) { ($0 ^ UInt64($1)) &* prime }
    }
}
