internal import Configuration
internal import JSON

/// The part of kubelet's configuration that limits a pod's start. A flag overrides the file.
struct KubeletConfiguration {
    /// The places of kubeadm, OpenShift, AKS, EKS and k3s.
    private static let places = [
        "/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet.conf", "/etc/default/kubeletconfig.json",
        "/etc/kubernetes/kubelet/kubelet-config.json", "/etc/kubernetes/kubelet/config.json",
    ]
    /// Files of variables with flags, of kubeadm, of AKS and of systemd units.
    private static let flagFiles = [
        "/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet",
    ]
    /// kubelet's default.
    static let defaultRequestTimeout = Duration.seconds(120)

    /// Where the value is from, for messages.
    private(set) var source = "kubelet's default"
    private(set) var requestTimeout = Self.defaultRequestTimeout
    private(set) var runtimeEndpoint = ""
    private(set) var faults: [String] = []
    /// The files that were read.
    private(set) var files: [String] = []
    /// Whether any file or flag of kubelet was found.
    private(set) var exists = false

    /// Reads a node's files, and the command line of its kubelet if /proc shows it.
    init(_ node: NodeFiles) {
        let arguments = Self.commandLine(node) ?? Self.flags(in: node)
        let flags = Self.values(of: arguments)
        exists = !arguments.isEmpty
        for path in (flags["config"].map { [$0] } ?? Self.places) + Self.fragments(flags["config-dir"], node) {
            switch node.object(.yaml, path) {
            case .missing: continue
            case .unreadable(let fault): faults.append(fault)
            case .found(let object):
                // OpenShift's kubelet.conf is a configuration, kubeadm's is a kubeconfig.
                guard object.text("kind") == "KubeletConfiguration" || object["kind"] == nil else { continue }
                exists = true
                files.append(path)
                set(object.text("runtimeRequestTimeout"), path)
                runtimeEndpoint = object.text("containerRuntimeEndpoint") ?? runtimeEndpoint
            }
        }
        set(flags["runtime-request-timeout"], "the flag --runtime-request-timeout")
        runtimeEndpoint = flags["container-runtime-endpoint"] ?? runtimeEndpoint
    }

    private mutating func set(_ text: String?, _ source: String) {
        guard let text else { return }
        guard let duration = try? GoDuration.parse(text) else {
            faults.append("runtimeRequestTimeout in \(source) is not a duration")
            return
        }
        // Kubelet takes zero as unset.
        guard duration > .zero else { return }
        (requestTimeout, self.source) = (duration, source)
    }

    private static func fragments(_ directory: String?, _ node: NodeFiles) -> [String] {
        guard let directory else { return [] }
        return node.names(in: directory).filter { $0.hasSuffix(".conf") }.map { "\(directory)/\($0)" }
    }

    private static func commandLine(_ node: NodeFiles) -> [String]? {
        guard let process = NodeProcess.find("kubelet", node) else { return nil }
        return Array(process.arguments.dropFirst())
    }

    private static func flags(in node: NodeFiles) -> [String] {
        flagFiles.flatMap { node.text($0).split(whereSeparator: \.isWhitespace) }.map { word in
            let plain = String(word.filter { $0 != "\"" && $0 != "'" })
            // KUBELET_EXTRA_ARGS=--flag=value
            return plain.firstRange(of: "--").map { String(plain[$0.lowerBound...]) } ?? plain
        }
    }

    /// The values of `--name=value` and `--name value`.
    private static func values(of arguments: [String]) -> [String: String] {
        var values: [String: String] = [:]
        for (index, argument) in arguments.enumerated() where argument.hasPrefix("-") {
            let parts = argument.drop { $0 == "-" }.split(separator: "=", maxSplits: 1)
            guard let name = parts.first else { continue }
            if parts.count == 2 {
                values[String(name)] = String(parts[1])
            } else if index + 1 < arguments.count, !arguments[index + 1].hasPrefix("-") {
                values[String(name)] = arguments[index + 1]
            }
        }
        return values
    }
}
