internal import JSON
internal import LinuxIO

/// containerd's configuration on a node: the main file and its imports.
struct ContainerdConfiguration {
    /// One file, and the version that says which names its plugins have.
    struct File {
        let path: String
        let version: Int64
        let content: JSONObject
    }

    /// The main files of containerd, k3s, RKE2 and MicroK8s.
    static let places = [
        "/etc/containerd/config.toml", "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
        "/var/lib/rancher/rke2/agent/etc/containerd/config.toml", "/var/snap/microk8s/current/args/containerd.toml",
    ]
    /// containerd imports these files since 2.2 without being told.
    private static let defaultImport = "/etc/containerd/conf.d/*.toml"
    /// The most files that are read.
    private static let fileLimit = 64

    /// The main file first.
    private(set) var files: [File] = []
    /// What could not be read, in sentences.
    private(set) var faults: [String] = []

    /// Reads the file at `path` and what it imports.
    init(_ path: String, _ node: NodeFiles) {
        var pending = [path]
        var seen: Set<String> = []
        while let next = pending.popLast() {
            guard seen.insert(next).inserted else { continue }
            guard seen.count <= Self.fileLimit else {
                faults.append("\(path) imports more than \(Self.fileLimit) files")
                return
            }
            switch node.object(.toml, next) {
            case .missing: continue
            case .unreadable(let fault): faults.append(fault)
            case .found(let content):
                // Without a version it is version 1; a drop-in has the version of the main file.
                let version = content["version"]?.integerValue ?? files.first?.version ?? 1
                files.append(File(path: next, version: version, content: content))
                var patterns = content["imports"]?.texts ?? []
                if next == path, content["imports"] == nil, version >= 3 { patterns = [Self.defaultImport] }
                for pattern in patterns.reversed() {
                    let absolute = pattern.hasPrefix("/") ? pattern : "\(Files.parent(of: next))/\(pattern)"
                    pending += node.matches(absolute).reversed()
                }
            }
        }
    }

    /// The tables of runtimes by version: of each file the ones that containerd reads, and those that it ignores.
    private static let runtimes: [(versions: ClosedRange<Int64>, path: [String])] = [
        (1...1, ["plugins", "cri", "containerd", "runtimes"]),
        (2...2, ["plugins", "io.containerd.grpc.v1.cri", "containerd", "runtimes"]),
        (3...99, ["plugins", "io.containerd.cri.v1.runtime", "containerd", "runtimes"]),
    ]

    /// The handler of this name. A later file changes an earlier one.
    func handler(_ name: String) -> RuntimeHandler? {
        var table: JSONObject?
        var place = ""
        for file in files {
            for (versions, path) in Self.runtimes where versions.contains(file.version) {
                guard let found = file.content.value(at: path + [name])?.objectValue else { continue }
                table = table?.merged(with: found) ?? found
                place = file.path
            }
        }
        guard let table else { return nil }
        var handler = RuntimeHandler(runtime: .containerd, file: place)
        handler.type = table.text("runtime_type") ?? ""
        handler.program = table.text("runtime_path") ?? ""
        handler.kataConfiguration = table.text("options", "ConfigPath") ?? ""
        handler.podAnnotations = table["pod_annotations"]?.texts ?? []
        handler.snapshotter = table.text("snapshotter") ?? ""
        return handler
    }

    /// A file that has the handler in a table of another version, which containerd ignores.
    func misplacedHandler(_ name: String) -> (file: File, table: String)? {
        for file in files {
            for (versions, path) in Self.runtimes where !versions.contains(file.version) {
                if file.content.value(at: path + [name]) != nil { return (file, path[1]) }
            }
        }
        return nil
    }

    /// The last value of a setting of the plugin for containers' images.
    func imageSetting(_ name: String) -> JSONValue? {
        let paths: [[String]] = [
            ["plugins", "cri", "containerd", name], ["plugins", "io.containerd.grpc.v1.cri", "containerd", name],
            ["plugins", "io.containerd.cri.v1.images", name],
        ]
        return files.flatMap { file in paths.compactMap { file.content.value(at: $0) } }.last
    }

    /// The socket of a snapshotter that is a program of its own.
    func proxySnapshotter(_ name: String) -> String? {
        files.compactMap { $0.content.value("proxy_plugins", name, "address")?.stringValue }.last
    }
}
