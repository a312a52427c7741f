internal import JSON

/// CRI-O's configuration on a node: the main file and its drop-in files, which later ones change.
struct CRIOConfiguration {
    private static let place = "/etc/crio/crio.conf"
    private static let directory = "/etc/crio/crio.conf.d"

    private var content = JSONObject()
    private var handlerFiles: [String: String] = [:]
    /// Whether there is any file.
    private(set) var exists = false
    /// What could not be read, in sentences.
    private(set) var faults: [String] = []
    /// The files that were read.
    private(set) var files: [String] = []

    /// Reads a node's files.
    init(_ node: NodeFiles) {
        let dropIns = node.names(in: Self.directory).filter { !$0.hasPrefix(".") }.map { "\(Self.directory)/\($0)" }
        for path in [Self.place] + dropIns {
            switch node.object(.toml, path) {
            case .missing: continue
            case .unreadable(let fault): faults.append(fault)
            case .found(let object):
                exists = true
                files.append(path)
                content = content.merged(with: object)
                for name in object.value("crio", "runtime", "runtimes")?.objectValue?.keys ?? [] {
                    handlerFiles[name] = path
                }
            }
        }
    }

    /// The handler of this name.
    func handler(_ name: String) -> RuntimeHandler? {
        guard let table = content.value("crio", "runtime", "runtimes", name)?.objectValue else { return nil }
        var handler = RuntimeHandler(runtime: .crio, file: handlerFiles[name] ?? Self.place)
        handler.type = table.text("runtime_type") ?? ""
        handler.program = table.text("runtime_path") ?? ""
        handler.kataConfiguration = table.text("runtime_config_path") ?? ""
        handler.pullsImagesInGuest = table["runtime_pull_image"]?.boolValue ?? false
        return handler
    }
}
