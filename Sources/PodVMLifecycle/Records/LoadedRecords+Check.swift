extension LoadedRecords {
    /// Moves the records that this adaptor must not continue by itself to ``misplaced``, and completes records of
    /// version 1 with this adaptor's names and the provider's `scope`.
    ///
    /// A pods directory that two nodes share, or that was copied, has records of another node, or two records for one
    /// VM. To continue them could delete a VM that another adaptor is starting. A record with a stop mark is continued: a shim of this node has stopped it.
    mutating func check(owner: VMOwner, scope: CloudScope) {
        let sandboxesOfVM = Dictionary(grouping: records, by: \.state.vm).mapValues { $0.map(\.id) }
        var usable: [SandboxRecord] = []
        for var record in records {
            if record.isOutdated { (record.owner, record.scope) = (owner, scope) }
            if stopped.contains(record.id) {
                usable.append(record)
                continue
            }
            let others = sandboxesOfVM[record.state.vm, default: []].filter { $0 != record.id }
            if record.owner.isNamed, owner.isNamed, record.owner.node != owner.node {
                misplaced[record.id] = Misplaced(
                    record: record, reason: "node: is \(record.owner.node), and this node's name is \(owner.node)")
            } else if !others.isEmpty {
                let names = others.map(\.rawValue).sorted().joined(separator: ", ")
                misplaced[record.id] = Misplaced(
                    record: record, reason: "vm: \(record.state.vm) is also the VM of sandbox \(names)")
            } else {
                usable.append(record)
            }
        }
        records = usable
    }
}
