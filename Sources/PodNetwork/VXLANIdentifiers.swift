/// Which VXLAN identifiers the node's pods have, as a value.
///
/// New ones are drawn at random from all that there are from the minimum up, so that the identifier of another pod's tunnel
/// cannot be told from one's own. What is in use has to come from the records: an identifier stays taken while a tunnel or a
/// VM that is not deleted yet may still send with it, also after a restart.
public struct VXLANIdentifiers: Equatable, Sendable {
    /// The first one of ours (`-vxlan-min-id`).
    public let minimum: UInt32
    /// Those that are taken.
    public private(set) var inUse: Set<UInt32>

    /// The last there is: they have 24 bits.
    public static let maximum: UInt32 = 0xFF_FFFF
    /// Draws before the next free one is taken instead. Half of the numbers would have to be in use for one in a million
    /// allocations to need more.
    private static let drawLimit = 20

    /// Identifiers from `minimum` up, without those in use; nil unless `minimum` is one.
    public init?(from minimum: UInt32, inUse: Set<UInt32> = []) {
        guard (1...Self.maximum).contains(minimum) else { return nil }
        self.minimum = minimum
        self.inUse = inUse
    }

    /// Takes a free one.
    ///
    /// - Throws: ``PodNetworkError`` (`exhausted`).
    public mutating func allocate() throws(PodNetworkError) -> UInt32 {
        var generator = SystemRandomNumberGenerator()
        return try allocate(using: &generator)
    }

    /// Takes a free one, by random numbers of a test's own.
    mutating func allocate(using generator: inout some RandomNumberGenerator) throws(PodNetworkError) -> UInt32 {
        let range = minimum...Self.maximum
        for _ in 0..<Self.drawLimit {
            let drawn = UInt32.random(in: range, using: &generator)
            if take(drawn) { return drawn }
        }
        let start = UInt32.random(in: range, using: &generator)
        guard
            let free = (start...Self.maximum).first(where: { !inUse.contains($0) })
                ?? (minimum...start).first(where: { !inUse.contains($0) })
        else {
            throw PodNetworkError(
                .exhausted, "VXLAN identifiers from \(minimum)", "all \(range.count) are in use",
                "Choose a smaller -vxlan-min-id.")
        }
        take(free)
        return free
    }

    /// Notes that `identifier` is in use; false if it was already.
    @discardableResult
    public mutating func take(_ identifier: UInt32) -> Bool { inUse.insert(identifier).inserted }

    /// Gives `identifier` back.
    public mutating func release(_ identifier: UInt32) { inUse.remove(identifier) }

    /// Its number among ours (`index` in apf.json).
    public func index(of identifier: UInt32) -> Int { Int(identifier) - Int(minimum) }
}
