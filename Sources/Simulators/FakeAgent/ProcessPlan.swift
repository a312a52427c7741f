/// The program to run for an OCI process.
struct ProcessPlan: Equatable, Sendable {
    /// The program and its arguments.
    var arguments: [String]
    /// `NAME=value` each. Nothing is inherited.
    var environment: [String] = []
    /// An absolute path; empty is `/`.
    var workingDirectory = ""
    /// Whether it gets a terminal instead of three pipes.
    var hasTerminal = false
    /// The user, in a container that crun runs; other processes run as the stand-in's user.
    var user = User()
    /// Whether the process cannot gain privileges, in such a container.
    var isUnprivileged = false

    /// A user with groups, by their numbers.
    struct User: Equatable, Sendable {
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        var groups: [UInt32] = []
    }

    /// The default for `PATH`.
    static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The environment by name; the last value of a repeated name counts.
    var variables: [String: String] {
        let pairs = environment.compactMap { entry -> (String, String)? in
            guard let equals = entry.firstIndex(of: "=") else { return nil }
            return (String(entry[..<equals]), String(entry[entry.index(after: equals)...]))
        }
        return Dictionary(pairs) { _, last in last }
    }

    /// The candidate files for the first argument, in the order in which to try them.
    ///
    /// A name with a slash is a path, relative to the working directory; any other name is searched in the
    /// directories of the process's `PATH`.
    var candidates: [String] {
        guard let name = arguments.first, !name.isEmpty else { return [] }
        let directory = workingDirectory.isEmpty ? "/" : workingDirectory
        if name.contains("/") { return [name.hasPrefix("/") ? name : directory + "/" + name] }
        return (variables["PATH"] ?? ProcessPlan.standardPath).split(separator: ":").map { "\($0)/\(name)" }
    }
}
