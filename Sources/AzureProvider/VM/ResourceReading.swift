internal import JSON

/// A document read as each of the resources that we read, for trying out what no server should send.
enum ResourceReading {
    /// What of it would get into names, paths, logs and errors.
    static func texts(of document: JSONValue?) -> [String] {
        let nodes = ([document] + (document?["value"]?.arrayValue ?? [])).compactMap {
            $0.flatMap { try? JSONNode($0) }
        }
        var texts: [String] = []
        for node in nodes {
            texts += read {
                try VirtualMachine(node)
            } told: { machine in
                [machine.name, machine.interfaceName ?? "", machine.fault?.code ?? "", machine.fault?.message ?? ""]
            }
            texts += read {
                try NetworkInterface(node)
            } told: { interface in
                [interface.privateAddress ?? "", interface.publicAddress ?? "", interface.vm ?? ""]
            }
            texts += read {
                try VMSize(node, in: "eastus")
            } told: { size in
                precondition(size.map { $0.memoryMiB >= 0 } ?? true, "no size has less than no memory")
                return [size?.name ?? "", size?.family ?? "", size?.restriction ?? ""]
            }
        }
        if let catalog = try? SizeCatalog(nodes, in: "eastus") {
            texts += catalog.nearest(to: "Standard_DC2es_v6", isConfidential: false)
        }
        return texts
    }

    private static func read<Value>(_ parse: () throws -> Value, told: (Value) -> [String]) -> [String] {
        do { return told(try parse()) } catch { return ["\(error)"] }
    }
}
