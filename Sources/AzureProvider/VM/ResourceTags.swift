/// Azure's limits for a resource's tags: fifty tags, and names without certain characters.
enum ResourceTags {
    /// The tag that names the technology that protects the VM's memory from the cloud: a ``TEE``.
    static let tee = "peerpods-tee"
    static let countLimit = 50
    static let nameLimit = 512
    static let valueLimit = 256
    private static let forbidden = "<>%&\\?/"

    /// The operator's tags and the sandbox's own, which have priority. Names differ by more than case.
    static func merged(operators: [String: String], own: [String: String]) -> [String: String] {
        let taken = Set(own.keys.map { $0.lowercased() })
        return own.merging(operators.filter { !taken.contains($0.key.lowercased()) }) { own, _ in own }
    }

    /// Why Azure would refuse these tags: one sentence for each reason.
    static func faults(in tags: [String: String]) -> [String] {
        var faults: [String] = []
        if tags.count > countLimit {
            faults.append("there are \(tags.count) tags, with the adaptor's own; a resource has at most \(countLimit).")
        }
        var seen: Set<String> = []
        for (name, value) in tags.sorted(by: { $0.key < $1.key }) {
            if let fault = fault(inName: name) { faults.append(fault) }
            if value.utf16.count > valueLimit {
                faults.append(
                    "the value of tag \(quoted(name)) has \(value.utf16.count) characters; at most \(valueLimit) are "
                        + "allowed.")
            }
            if !seen.insert(name.lowercased()).inserted {
                faults.append("tag \(quoted(name)) is there twice: to Azure, names that differ by case are the same.")
            }
        }
        return faults
    }

    private static func fault(inName name: String) -> String? {
        if name.isEmpty { return "a tag has no name." }
        if name.utf16.count > nameLimit {
            return "the tag name \(quoted(name)) has \(name.utf16.count) characters; at most \(nameLimit) are allowed."
        }
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || scalar.value == 0x7f }
        if let found = name.unicodeScalars.first(where: { forbidden.unicodeScalars.contains($0) || isControl($0) }) {
            let character = isControl(found) ? "a control character" : "'\(found)'"
            return "the tag name \(quoted(name)) has \(character); Azure allows none of \(forbidden) there."
        }
        return nil
    }

    private static func quoted(_ name: String) -> String {
        "\"\(name.count > 64 ? name.prefix(64) + "…" : name[...])\""
    }
}
