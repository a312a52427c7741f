internal import ClusterPreflight
internal import Configuration
internal import HTTPTransport
internal import JSON
internal import KataProtocol
internal import LinuxIO
internal import PeerPodProtocol
internal import Preflight
internal import TTRPC
internal import Telemetry

/// Collects the files of a support bundle. Each part that fails is noted, and the others go on.
struct SupportCollector {
    let options: SupportOptions
    let loop: EpollLoop
    let http: HTTPClient
    private let node: NodeFiles
    private(set) var bundle = SupportBundle()

    /// The last bytes of a log that are included.
    private static let logLimit: Int64 = 4 << 20
    private static let recordLimit = 1 << 20
    /// The most sandboxes whose records and histories are included.
    private static let sandboxLimit = 500
    /// The most log files that are found without being named.
    private static let logFileLimit = 20

    init(_ options: SupportOptions, _ http: HTTPClient, on loop: EpollLoop) {
        self.options = options
        self.http = http
        self.loop = loop
        node = NodeFiles(root: options.root)
    }

    /// Collects everything.
    mutating func collect() async {
        collectEnvironment()
        collectVersions()
        await collectStatus()
        collectRecords()
        await collectProbes()
        await collectCheck()
        collectConfiguration()
        collectLogs()
    }

    /// The adaptor's environment first: it names secrets that other files may contain.
    private mutating func collectEnvironment() {
        guard let adaptor = NodeProcess.adaptor(node) else {
            return bundle.note("environment: no adaptor runs on this node, as far as /proc shows")
        }
        let content = node.text("/proc/\(adaptor.pid)/environ")
        guard !content.isEmpty else {
            return bundle.note("environment: /proc/\(adaptor.pid)/environ cannot be read: run the command as root")
        }
        let variables = SupportEnvironment.variables(content)
        for (name, value) in variables { bundle.learn(from: "\(name)=\(value)") }
        for secret in SupportEnvironment.hidden(variables) { bundle.hide(secret) }
        let token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
        for path in SupportEnvironment.secretFiles(variables) + [token] {
            let text = node.text(path)
            bundle.hide(String(text.filter { !$0.isWhitespace }))
            bundle.learn(from: text)
        }
        bundle.add("environment.txt", SupportEnvironment.text(variables))
    }

    private mutating func collectVersions() {
        var lines = ["peerpodctl \(ProjectVersion.text)"]
        for path in ["/proc/version", "/etc/os-release", "/opt/kata/VERSION", "/proc/uptime"] {
            let text = node.text(path)
            lines.append(text.isEmpty ? "\(path): cannot be read" : "\(path):\n\(text)")
        }
        bundle.add("versions.txt", lines.map { $0 + "\n" }.joined())
    }

    private mutating func collectStatus() async {
        let socket = HypervisorSocket(path: options.socket, loop: loop)
        do {
            let list = try await socket.call(Sandboxes.list, Empty(), timeout: .seconds(10)).sandboxes
            bundle.add("status.json", Self.text(.array(list.map(\.json))))
            // Without a name: the latest of all pods, also those that ended.
            let latest = try await socket.call(Sandboxes.history, HistoryRequest(), timeout: .seconds(10)).sandboxes
            let ended = latest.filter(\.hasEnded)
            var histories: [JSONValue] = ended.map { ExplainReport($0, now: .now).json }
            for sandbox in list.prefix(Self.sandboxLimit) {
                let request = HistoryRequest.with { $0.name = sandbox.id }
                let found = try await socket.call(Sandboxes.history, request, timeout: .seconds(10)).sandboxes
                histories += found.map { ExplainReport($0, now: .now).json }
            }
            bundle.add("explain.json", Self.text(.array(histories)))
        } catch {
            bundle.note("status.json, explain.json: \((error as? PodFailure)?.message ?? "\(error)")")
        }
    }

    /// The records of the sandboxes, without their keys and boot documents, whose secrets are learned.
    private mutating func collectRecords() {
        let names = node.names(in: options.podsDirectory)
        if names.isEmpty { bundle.note("records: there is no sandbox in \(options.podsDirectory)") }
        for name in names.prefix(Self.sandboxLimit) {
            let directory = "\(options.podsDirectory)/\(name)"
            for file in node.names(in: directory) {
                let text = read("\(directory)/\(file)", quietly: !file.hasSuffix(".json"))
                switch file {
                case "identity.json", "user-data": bundle.learn(from: text ?? "")
                case _ where file.hasSuffix(".json"): if let text { bundle.add("records/\(name)/\(file)", text) }
                default: break
                }
            }
        }
    }

    private mutating func collectProbes() async {
        for name in ["metrics", "startup", "healthz"] {
            var request = OutgoingRequest("GET", "http://127.0.0.1:\(options.probePort)/\(name)")
            request.timeLimit = .seconds(5)
            request.usesProxy = false
            do {
                let answer = try await http.send(request)
                bundle.add("\(name).txt", "HTTP \(answer.status)\n" + String(decoding: answer.body, as: UTF8.self))
            } catch {
                bundle.note("\(name).txt: \(error)")
            }
        }
    }

    private mutating func collectCheck() async {
        var check = NodeCheck.Options()
        check.socket = options.socket
        check.isThisMachine = options.root == "/"
        let findings = await NodeCheck(check, node, client: nil, missingAccess: "support does not ask", on: loop).run()
        bundle.add("check-node.json", FindingReport(findings).json)
    }

    private mutating func collectConfiguration() {
        let check = NodeCheck(NodeCheck.Options(), node, client: nil, on: loop)
        let files = check.configurationFiles()
        if files.isEmpty { bundle.note("configuration: no file of kata, kubelet, containerd or CRI-O was found") }
        for path in files { if let text = read(path) { bundle.add("configuration\(path)", text) } }
    }

    /// The logs that were named, and those that kubelet keeps of the adaptor's containers.
    private mutating func collectLogs() {
        var paths: [String] = []
        for pod in node.names(in: "/var/log/pods") where pod.contains("_cloud-api-adaptor-") {
            for container in node.names(in: "/var/log/pods/\(pod)") {
                let directory = "/var/log/pods/\(pod)/\(container)"
                paths += node.names(in: directory).filter { $0.hasSuffix(".log") }.map { "\(directory)/\($0)" }
            }
        }
        for path in paths.prefix(Self.logFileLimit) {
            if let place = node.place(of: path) { addLog(path, at: place) }
        }
        // Named files are those of this process.
        for path in options.logs { addLog(path, at: path) }
        if paths.isEmpty, options.logs.isEmpty {
            bundle.note("logs: kubelet keeps none of an adaptor on this node; name files with -log")
        }
    }

    private mutating func addLog(_ name: String, at place: String) {
        do {
            let file = try RandomAccessFile(place)
            let start = max(0, file.size - Self.logLimit)
            let bytes = try file.read(Int(Self.logLimit), at: start)
            // A part of a line could be a part of a secret.
            let whole = start == 0 ? bytes[...] : bytes.drop { $0 != UInt8(ascii: "\n") }
            bundle.add("logs/\(name)", String(decoding: whole, as: UTF8.self))
        } catch {
            bundle.note("\(name): \(error)")
        }
    }

    private mutating func read(_ path: String, quietly: Bool = false) -> String? {
        do {
            guard let bytes = try node.read(path, limit: Self.recordLimit) else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            if !quietly { bundle.note("\(error)") }
            return nil
        }
    }

    private static func text(_ value: JSONValue) -> String {
        String(decoding: value.encoded(indent: 2), as: UTF8.self) + "\n"
    }
}
