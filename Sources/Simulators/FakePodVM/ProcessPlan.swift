/// What to run, as the OCI process of a request says it.
struct ProcessPlan: Equatable, Sendable {
    /// The program and its arguments.
    var arguments: [String]
    /// `NAME=value` each; nothing is inherited.
    var environment: [String] = []
    /// An absolute path; empty is `/`.
    var workingDirectory = ""
    /// Whether it gets a terminal in place of three pipes.
    var hasTerminal = false

    /// Where programs are looked for when the environment has no `PATH`.
    static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The environment by name; of a name given twice the last counts.
    var variables: [String: String] {
        let pairs = environment.compactMap { entry -> (String, String)? in
            guard let equals = entry.firstIndex(of: "=") else { return nil }
            return (String(entry[..<equals]), String(entry[entry.index(after: equals)...]))
        }
        return Dictionary(pairs) { _, last in last }
    }

    /// The files that could be meant by the first argument, in the order to try them.
    ///
    /// A name with a slash is a path, from the working directory if it is relative; any
    /// other is looked for in the directories of the process's own `PATH`.
    var candidates: [String] {
        guard let name = arguments.first, !name.isEmpty else { return [] }
        let directory = workingDirectory.isEmpty ? "/" : workingDirectory
        if name.contains("/") { return [name.hasPrefix("/") ? name : directory + "/" + name] }
        return (variables["PATH"] ?? ProcessPlan.standardPath).split(separator: ":").map { "\($0)/\(name)" }
    }
}
