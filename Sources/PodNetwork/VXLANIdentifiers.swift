/// Which VXLAN identifiers the node's pods have, as a value.
///
/// What is in use has to come from the records: an identifier stays taken while a tunnel or a VM that is not deleted yet
/// may still send with it, also after a restart.
public struct VXLANIdentifiers: Equatable, Sendable {
    /// The first one of ours (`-vxlan-min-id`).
    public let minimum: UInt32
    /// Those that are taken.
    public private(set) var inUse: Set<UInt32>
    private var next: UInt32

    /// The last there is: they have 24 bits.
    public static let maximum: UInt32 = 0xFF_FFFF

    /// Identifiers from `minimum` up, without those in use; nil unless `minimum` is one.
    public init?(from minimum: UInt32, inUse: Set<UInt32> = []) {
        guard (1...Self.maximum).contains(minimum) else { return nil }
        self.minimum = minimum
        self.inUse = inUse
        // After the newest: the longer one lies unused, the less can still be on its way with it.
        next = inUse.filter { $0 >= minimum && $0 < Self.maximum }.max().map { $0 + 1 } ?? minimum
    }

    /// Takes a free one.
    ///
    /// - Throws: ``PodNetworkError`` (`exhausted`).
    public mutating func allocate() throws(PodNetworkError) -> UInt32 {
        let range = minimum...Self.maximum
        guard
            let free = (next...Self.maximum).first(where: { !inUse.contains($0) })
                ?? range.first(where: { !inUse.contains($0) })
        else {
            throw PodNetworkError(
                .exhausted, "VXLAN identifiers from \(minimum)", "all \(range.count) are in use",
                "Choose a smaller -vxlan-min-id.")
        }
        inUse.insert(free)
        next = free < Self.maximum ? free + 1 : minimum
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
