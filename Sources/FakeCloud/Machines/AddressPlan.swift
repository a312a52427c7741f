/// Which address a fake VM has: a loopback address that its name leads to, unless another has it.
struct AddressPlan: Equatable, Sendable {
    private let start: UInt32

    /// 127.16.0.1 to 127.239.255.254, less those that end in 0 or 255.
    private static let capacity: UInt32 = 224 * 256 * 254

    /// The plan for a VM of the cloud at `stateDirectory`, so that two clouds on a machine seldom meet.
    init(name: String, stateDirectory: String) {
        // FNV-1a: unlike Swift's own hash it is the same in every process.
        let hash = "\(stateDirectory)/\(name)".utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        start = UInt32(truncatingIfNeeded: hash ^ (hash >> 32)) % AddressPlan.capacity
    }

    /// The first address that `isFree`, or nil after so many that something else must be wrong.
    func choose(where isFree: (String) -> Bool) -> String? {
        (0..<4096).lazy.map { AddressPlan.address((start + $0) % AddressPlan.capacity) }.first(where: isFree)
    }

    private static func address(_ number: UInt32) -> String {
        "127.\(16 + number / 254 / 256).\(number / 254 % 256).\(1 + number % 254)"
    }
}
