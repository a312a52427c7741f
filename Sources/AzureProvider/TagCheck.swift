/// ARM's rules for tags: at most 50 of a resource, names at most 512 characters, without regard to case and without
/// `<>%&\?/`, values at most 256.
package enum TagCheck {
    /// How many a resource may have.
    package static let limit = 50
    /// How many of these are kept for those that say whose a VM is.
    package static let reserved = 10

    /// What ARM would refuse of an operator's tags, a sentence each.
    static func problems(of tags: [String: String]) -> [String] {
        let name = AzureOptions.name("tags")
        var problems: [String] = []
        if tags.count > limit - reserved {
            problems.append(
                """
                \(name): \(tags.count) tags are too many: Azure allows \(limit) on a resource, and \(reserved) are kept \
                for ours
                """)
        }
        var seen: [String: String] = [:]
        for (key, value) in tags.sorted(by: { $0.key < $1.key }) {
            if key.unicodeScalars.count > 512 {
                problems.append("\(name): the name \(key.prefix(40))... is longer than the 512 characters Azure allows")
            }
            if let mark = key.first(where: { "<>%&\\?/".contains($0) || $0.isControl }) {
                problems.append(
                    "\(name): the name \(key.prefix(40)) has \(mark.shown) in it, which Azure does not allow")
            }
            if value.unicodeScalars.count > 256 {
                problems.append(
                    "\(name): the value of \(key.prefix(40)) is longer than the 256 characters Azure allows")
            }
            if value.contains(where: \.isControl) {
                problems.append("\(name): the value of \(key.prefix(40)) has a control character in it")
            }
            if let other = seen.updateValue(key, forKey: key.lowercased()) {
                problems.append("\(name): \(other) and \(key) differ only in case, and are one tag to Azure")
            }
        }
        return problems
    }
}

extension Character {
    fileprivate var isControl: Bool { unicodeScalars.contains { $0.properties.generalCategory == .control } }

    fileprivate var shown: String { isControl ? "a control character" : "a \(self)" }
}
