/// A process of the node, as its /proc shows it.
package struct NodeProcess {
    /// The number.
    package let pid: String
    let arguments: [String]

    /// The first process with this name in `comm`, which has at most 15 bytes.
    package static func find(_ name: String, _ node: NodeFiles) -> NodeProcess? {
        let short = name.prefix(15)
        for pid in node.names(in: "/proc") where pid.allSatisfy(\.isNumber) {
            guard node.text("/proc/\(pid)/comm").prefix(while: { $0 != "\n" }) == short else { continue }
            let line = node.text("/proc/\(pid)/cmdline").split(separator: "\0").map(String.init)
            // A zombie or a thread of the kernel has no command line.
            if !line.isEmpty { return NodeProcess(pid: pid, arguments: line) }
        }
        return nil
    }
}
