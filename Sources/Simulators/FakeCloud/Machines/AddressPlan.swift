internal import Encoding
internal import PodNetwork

/// Chooses the address of a fake VM: a hash of its name selects one of a pool; if that one is taken, the next.
struct AddressPlan: Equatable, Sendable {
    /// The addresses to choose from.
    enum Pool: Equatable, Sendable {
        /// 127.16.0.1 to 127.239.255.254, except those that end in 0 or 255.
        case loopback
        /// The addresses of a subnet that a host can have.
        case subnet(NetPrefix)

        var capacity: UInt32 {
            switch self {
            case .loopback: 224 * 256 * 254
            case .subnet(let subnet): subnet.machineCapacity
            }
        }

        func address(_ number: UInt32) -> String {
            switch self {
            case .loopback: "127.\(16 + number / 254 / 256).\(number / 254 % 256).\(1 + number % 254)"
            case .subnet(let subnet): subnet.machineAddress(number)
            }
        }
    }

    private let pool: Pool
    private let start: UInt32

    /// The plan for a VM of the cloud at `stateDirectory`; the path is part of the hash, so two clouds rarely collide.
    init(name: String, stateDirectory: String, pool: Pool = .loopback) {
        self.pool = pool
        start = UInt32(truncatingIfNeeded: AddressPlan.hash("\(stateDirectory)/\(name)")) % pool.capacity
    }

    /// The first address that `isFree`; nil after a limited number of attempts.
    func choose(where isFree: (String) -> Bool) -> String? {
        (0..<min(4096, pool.capacity)).lazy.map { pool.address((start + $0) % pool.capacity) }.first(where: isFree)
    }

    /// A hash that is the same in every process; folded, so that the lower half depends on all bits.
    static func hash(_ text: String) -> UInt64 {
        let hash = FNV1a.hash(text.utf8)
        return hash ^ (hash >> 32)
    }
}
