internal import Encoding
internal import PodNetwork

/// Which address a fake VM has: the one of a pool that its name leads to, unless another has it.
struct AddressPlan: Equatable, Sendable {
    /// What addresses there are.
    enum Pool: Equatable, Sendable {
        /// 127.16.0.1 to 127.239.255.254, less those that end in 0 or 255.
        case loopback
        /// Those of a subnet, less what no host may have there.
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

    /// The plan for a VM of the cloud at `stateDirectory`, so that two clouds on a machine seldom meet.
    init(name: String, stateDirectory: String, pool: Pool = .loopback) {
        self.pool = pool
        start = UInt32(truncatingIfNeeded: AddressPlan.hash("\(stateDirectory)/\(name)")) % pool.capacity
    }

    /// The first address that `isFree`, or nil after so many that something else must be wrong.
    func choose(where isFree: (String) -> Bool) -> String? {
        (0..<min(4096, pool.capacity)).lazy.map { pool.address((start + $0) % pool.capacity) }.first(where: isFree)
    }

    /// The same in every process, and folded, so that its lower half has all of it.
    static func hash(_ text: String) -> UInt64 {
        let hash = FNV1a.hash(text.utf8)
        return hash ^ (hash >> 32)
    }
}
