internal import PodNetwork

/// The VXLAN identifiers that the node's pods have, as a value.
///
/// New identifiers are drawn at random from the whole range, so that a pod cannot guess another pod's identifier from its own.
/// The records say which identifiers are in use: an identifier stays reserved while a tunnel, or a VM that is not deleted yet,
/// may still send with it, also after a restart.
struct VXLANIdentifiers: Equatable, Sendable {
    /// The lowest identifier (`-vxlan-min-id`).
    let minimum: UInt32
    /// The reserved identifiers.
    private(set) var inUse: Set<UInt32>

    /// The highest identifier: identifiers have 24 bits.
    static let maximum: UInt32 = 0xFF_FFFF
    /// The number of draws before the next free identifier is taken instead. Only if half of the range is in use does one in a
    /// million allocations need more draws.
    private static let drawLimit = 20

    /// Identifiers from `minimum` up, without those in use; nil unless `minimum` is a VXLAN identifier.
    init?(from minimum: UInt32, inUse: Set<UInt32> = []) {
        guard (1...Self.maximum).contains(minimum) else { return nil }
        self.minimum = minimum
        self.inUse = inUse
    }

    /// Reserves a free identifier.
    ///
    /// - Throws: ``PodNetworkError`` (`exhausted`).
    mutating func allocate() throws(PodNetworkError) -> UInt32 {
        var generator = SystemRandomNumberGenerator()
        return try allocate(using: &generator)
    }

    /// Reserves a free identifier, drawn with `generator`.
    mutating func allocate(using generator: inout some RandomNumberGenerator) throws(PodNetworkError) -> UInt32 {
        let range = minimum...Self.maximum
        for _ in 0..<Self.drawLimit {
            let drawn = UInt32.random(in: range, using: &generator)
            if reserve(drawn) { return drawn }
        }
        let start = UInt32.random(in: range, using: &generator)
        guard
            let free = (start...Self.maximum).first(where: { !inUse.contains($0) })
                ?? (minimum...start).first(where: { !inUse.contains($0) })
        else {
            throw PodNetworkError(
                .exhausted, "VXLAN identifiers from \(minimum)", "all \(range.count) are in use",
                "Set a lower -vxlan-min-id.")
        }
        reserve(free)
        return free
    }

    /// Notes that `identifier` is in use; false if it was already.
    @discardableResult
    mutating func reserve(_ identifier: UInt32) -> Bool { inUse.insert(identifier).inserted }

    /// Frees `identifier`.
    mutating func release(_ identifier: UInt32) { inUse.remove(identifier) }

    /// The number of `identifier`, counted from the minimum (`index` in apf.json).
    func index(of identifier: UInt32) -> Int { Int(identifier) - Int(minimum) }
}
