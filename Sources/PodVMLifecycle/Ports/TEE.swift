/// The technology that protects a VM's memory from the cloud (trusted execution environment).
public enum TEE: String, Hashable, Sendable, CaseIterable {
    /// Intel Trust Domain Extensions.
    case tdx
    /// AMD Secure Encrypted Virtualization with Secure Nested Paging.
    case snp
    /// No known technology protects the memory.
    case none

    /// The technologies that a pod or an operator can require, by their names.
    static let selectable = allCases.filter { $0 != .none }

    /// Reads a list such as `tdx,snp`; nil if a name is not known, or there is none.
    public static func set(_ list: some StringProtocol, separator: Character = ",") -> Set<TEE>? {
        guard list.utf8.count <= 64 else { return nil }
        var set: Set<TEE> = []
        for name in list.split(separator: separator, omittingEmptySubsequences: false) {
            let trimmed = name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            guard let tee = TEE(rawValue: String(trimmed).lowercased()), tee != .none else { return nil }
            set.insert(tee)
        }
        return set.isEmpty ? nil : set
    }
}

extension Set<TEE> {
    /// The names in a fixed order: `snp, tdx`.
    public var text: String { map(\.rawValue).sorted().joined(separator: ", ") }
}
