/// A process of the node, as its /proc shows it.
package struct NodeProcess {
    /// The number.
    package let pid: String
    let arguments: [String]

    /// The node's adaptor. In the chart's pods its program has the name of the Go adaptor's script, and the gateway, the controller and
    /// the tools are the same program with another first argument.
    package static func adaptor(_ node: NodeFiles) -> NodeProcess? {
        let others: Set = ["gateway", "controller", "help", "version"]
        return find(node) { name, arguments in
            ["cloud-api-adapt", "entrypoint.sh"].contains(name)
                // A script of this name has its interpreter first.
                && ["cloud-api-adaptor", "entrypoint.sh"].contains(arguments[0].split(separator: "/").last)
                && !others.contains(arguments.dropFirst().first ?? "")
        }
    }

    /// The first process with this name in `comm`, which has at most 15 bytes.
    static func find(_ name: String, _ node: NodeFiles) -> NodeProcess? {
        find(node) { short, _ in short == name.prefix(15) }
    }

    private static func find(_ node: NodeFiles, _ matches: (Substring, [String]) -> Bool) -> NodeProcess? {
        for pid in node.names(in: "/proc") where pid.allSatisfy(\.isNumber) {
            let line = node.text("/proc/\(pid)/cmdline").split(separator: "\0").map(String.init)
            // A zombie or a thread of the kernel has no command line.
            guard !line.isEmpty else { continue }
            let name = node.text("/proc/\(pid)/comm").prefix { $0 != "\n" }
            if matches(name, line) { return NodeProcess(pid: pid, arguments: line) }
        }
        return nil
    }
}
