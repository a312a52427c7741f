internal import JSON
internal import LinuxIO

/// kata's configuration for the remote hypervisor: the file, and the fragments in `config.d` beside it.
struct KataConfiguration {
    /// The places of kata's packages, of kata-deploy and of OpenShift's operator.
    static let places = [
        "/opt/kata/share/defaults/kata-containers/runtimes/remote/configuration-remote.toml",
        "/opt/kata/share/defaults/kata-containers/configuration-remote.toml",
        "/opt/kata/share/defaults/kata-containers/runtime-rs/configuration-remote.toml",
        "/opt/kata/configuration-remote.toml",
        "/etc/kata-containers/configuration-remote.toml",
        "/usr/share/kata-containers/defaults/configuration-remote.toml",
        "/usr/share/defaults/kata-containers/configuration-remote.toml",
    ]

    let path: String
    /// The fragments that change the file.
    private(set) var fragments: [String] = []
    private(set) var faults: [String] = []
    private var content: JSONObject

    /// The file at `path`; nil if it is missing.
    init?(_ path: String, _ node: NodeFiles) {
        self.path = path
        switch node.object(.toml, path) {
        case .missing: return nil
        case .unreadable(let fault):
            content = JSONObject()
            faults.append(fault)
        case .found(let object): content = object
        }
        let directory = Files.parent(of: path) + "/config.d"
        for name in node.names(in: directory) where name.hasSuffix(".toml") {
            switch node.object(.toml, "\(directory)/\(name)") {
            case .missing: continue
            case .unreadable(let fault): faults.append(fault)
            case .found(let object):
                fragments.append("\(directory)/\(name)")
                content = content.merged(with: object)
            }
        }
    }

    /// Whether the file is for the remote hypervisor.
    var isRemote: Bool { content.value("hypervisor", "remote")?.objectValue != nil }

    /// The shim that this file is for: the keys that only the Rust shim has.
    var flavour: ShimFlavour {
        let isRust =
            content.value("runtime", "hypervisor_name") != nil || content.value("runtime", "agent_name") != nil
            || content.value("agent", "kata", "dial_timeout_ms") != nil
        return isRust ? .rust : .go
    }

    var socket: String { content.text("hypervisor", "remote", "remote_hypervisor_socket") ?? "" }
    var hypervisorTimeout: Int64? { integer("hypervisor", "remote", "remote_hypervisor_timeout") }
    var enabledAnnotations: [String] { content.value("hypervisor", "remote", "enable_annotations")?.texts ?? [] }
    var disablesNewNetworkNamespace: Bool? { content.value("runtime", "disable_new_netns")?.boolValue }
    var internetworkingModel: String? { content.text("runtime", "internetworking_model") }
    var sizesSandboxesStatically: Bool? { content.value("runtime", "static_sandbox_resource_mgmt")?.boolValue }
    var disablesGuestEmptyDirectories: Bool? { content.value("runtime", "disable_guest_empty_dir")?.boolValue }
    var createContainerTimeout: Int64? { integer("runtime", "create_container_timeout") }
    /// The Go shim's limit in seconds, or the Rust shim's in milliseconds.
    var dialTimeout: Int64? { integer("agent", "kata", "dial_timeout") }
    var dialTimeoutMilliseconds: Int64? { integer("agent", "kata", "dial_timeout_ms") }
    var reconnectTimeoutMilliseconds: Int64? { integer("agent", "kata", "reconnect_timeout_ms") }

    private func integer(_ keys: String...) -> Int64? { content.value(at: keys)?.integerValue }
}

/// The two implementations of kata's shim, which need different settings.
enum ShimFlavour: String, Sendable {
    case go = "Go", rust = "Rust (runtime-rs)"

    /// The flavour of a program by its first bytes; nil for what is not an ELF file, such as a script.
    ///
    /// Go's linker writes a note with the owner `Go` and the build's id near the beginning.
    init?(program: [UInt8]) {
        guard program.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return nil }
        let owner: [UInt8] = [4, 0, 0, 0, 0x47, 0x6F, 0, 0]
        let isGo = program.indices.dropLast(owner.count - 1).contains { program[$0...].starts(with: owner) }
        self = isGo ? .go : .rust
    }
}
