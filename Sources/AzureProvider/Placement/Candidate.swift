/// A size and a zone that a VM may be tried in.
struct Candidate: Hashable, Sendable, CustomStringConvertible {
    let size: VMSize
    /// Nil: the region decides.
    let zone: String?

    var description: String { zone.map { "\(size.name) in zone \($0)" } ?? size.name }

    /// Every size in each of its zones, in the order of both lists: another zone costs nothing, another size may.
    ///
    /// A size of which the zones are known is not tried where it is not.
    static func all(_ sizes: [VMSize], zones: [String]) -> [Candidate] {
        sizes.flatMap { size in
            if zones.isEmpty { return [Candidate(size: size, zone: nil)] }
            let open = size.zones.isEmpty && size.vcpus == 0 ? zones : zones.filter(size.zones.contains)
            return open.map { Candidate(size: size, zone: $0) }
        }
    }
}
