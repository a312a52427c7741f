/// How the container runtime of a node starts pods of the RuntimeClass.
struct RuntimeHandler: Equatable, Sendable {
    /// The container runtimes that kubelet can use.
    enum Runtime: String, Sendable {
        case containerd, crio = "CRI-O"
    }

    let runtime: Runtime
    /// The file that has the handler.
    let file: String
    /// Such as `io.containerd.kata-remote.v2`, or `vm` with CRI-O.
    var type = ""
    /// The shim's program, if the configuration names it.
    var program = ""
    /// kata's configuration, if the configuration names it.
    var kataConfiguration = ""
    /// The patterns of annotations that containerd passes to the shim.
    var podAnnotations: [String] = []
    /// The snapshotter of containerd; empty for the default.
    var snapshotter = ""
    /// Whether CRI-O lets the guest pull images.
    var pullsImagesInGuest = false

    /// The places in which containerd looks for a shim that has no path.
    private static let directories = ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/opt/kata/bin"]

    /// Where the shim's program may be: the named one, or by containerd's rule `io.containerd.NAME.VERSION`.
    var programs: [String] {
        if program.hasPrefix("/") { return [program] }
        guard program.isEmpty else { return Self.directories.map { "\($0)/\(program)" } }
        if type.hasPrefix("/") { return [type] }
        let parts = type.split(separator: ".")
        guard runtime == .containerd, parts.count >= 2 else { return [] }
        return Self.directories.map { "\($0)/containerd-shim-\(parts[parts.count - 2])-\(parts[parts.count - 1])" }
    }
}
