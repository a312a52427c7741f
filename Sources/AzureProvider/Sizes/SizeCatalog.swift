internal import Configuration
package import JSON

/// The VM sizes of a region.
package struct SizeCatalog: Sendable {
    private let sizes: [String: VMSize]

    /// Of two sizes whose names differ only in case, the first one counts.
    package init(_ sizes: [VMSize] = []) {
        self.sizes = Dictionary(sizes.map { ($0.name.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Reads the VM sizes of `region` from an answer.
    package init(_ skus: [JSONNode], in region: String) throws(JSONError) {
        var sizes: [VMSize] = []
        for sku in skus { if let size = try VMSize(sku, in: region) { sizes.append(size) } }
        self.init(sizes)
    }

    /// The number of sizes.
    package var count: Int { sizes.count }

    /// All sizes, the smallest first.
    package var all: [VMSize] { sizes.values.sorted(by: VMSize.isSmaller) }

    /// The size of that name, ignoring case.
    package subscript(name: String) -> VMSize? { sizes[name.trimmed.lowercased()] }

    /// The names nearest to an unknown name: similar in spelling, or of the same kind.
    package func nearest(to name: String, isConfidential: Bool, limit: Int = 3) -> [String] {
        let wanted = Array(name.trimmed.lowercased().utf8)
        return
            sizes.values
            .filter { !isConfidential || $0.confidentialType != nil }
            .map { (distance: SizeCatalog.distance(wanted, Array($0.name.lowercased().utf8)), name: $0.name) }
            .sorted { $0 < $1 }
            .prefix(limit).map(\.name)
    }

    /// The number of letters that must be changed, added or removed.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (i, letter) in one.prefix(128).enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, opposite) in other.enumerated() {
                let change = diagonal + (letter == opposite ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[other.count]
    }
}
