import AzureDoubles
import AzureProvider
import FakeCloud
import FakeKubernetes
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import TLS
import TestSupport

/// A fake API server and a fake Azure in this process, for controllers that run as processes.
struct ControllerRig: Sendable {
    let directory: TemporaryDirectory
    let loop: EpollLoop
    let api: FakeKubernetes
    let azure: FakeAzure
    /// The provider of an adaptor, which creates the VMs.
    let provider: AzureProvider
    private let port: UInt16
    /// All controllers that were started.
    private let children = Lock<[ChildProcess]>([])

    private init(
        _ directory: TemporaryDirectory, _ loop: EpollLoop, _ api: FakeKubernetes, _ azure: FakeAzure,
        _ provider: AzureProvider, port: UInt16
    ) {
        self.directory = directory
        self.loop = loop
        self.api = api
        self.azure = azure
        self.provider = provider
        self.port = port
    }

    static let executable = RunningDaemon.executable
    static let node = "node-1"
    static let lease = "controller"

    /// The rights of the chart's ClusterRole and Role.
    static let rights: Set<AccessRules.Right> = Set(
        ["nodes", "namespaces", "pods", "peerpods"].flatMap { [.init("get", $0), .init("list", $0)] }
            + [
                .init("patch", "peerpods"), .init("create", "leases"), .init("get", "leases"), .init("patch", "leases"),
                .init("get", "secrets"), .init("patch", "secrets"), .init("get", "mutatingwebhookconfigurations"),
                .init("patch", "mutatingwebhookconfigurations"),
            ])

    static func run(_ body: @escaping @Sendable (ControllerRig) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(200)) { loop in
            let identity = try ServerIdentity.make(name: "localhost", organization: "tests")
            _ = try directory.write(identity.authority, to: "ca.crt")
            _ = try directory.write("t1", to: "token")
            let api = FakeKubernetes(adminToken: "admin", on: loop)
            api.changeRules {
                $0.tokens["t1"] = "controller"
                $0.rights["controller"] = Self.rights
            }
            api.addNode(node)
            api.insert(["metadata": ["name": "peerpods"]], "namespaces")
            api.insert(
                ["metadata": ["name": "controller-1"], "spec": ["nodeName": .string(node)]], "pods", in: "peerpods")
            let server = try FakeKubernetesServer(
                api, listen: .tcp(host: "127.0.0.1", port: 0),
                tls: .init(certificate: identity.server.certificate, key: identity.server.key), on: loop)
            guard case .tcp(_, let port) = server.address else { return }
            let azure = try FakeAzure(FakeAzureOptions(), machines: RecordOnlyMachines(), on: loop)
            let client = try HTTPClient(on: loop)
            let provider = try AzureProvider(
                AzureOptions(azure.account), sender: client,
                sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA test",
                on: loop)
            try await alongside([
                { do { try await server.run() } catch is CancellationError {} },
                { do { try await azure.run() } catch is CancellationError {} },
                { do { try await client.run() } catch is CancellationError {} },
            ]) {
                let rig = ControllerRig(directory, loop, api, azure, provider, port: port)
                // A test that has failed leaves its controllers running.
                defer { for child in rig.children.withLock({ $0 }) { child.signal(Signals.kill) } }
                try await body(rig)
            }
        }
    }

    /// The identity of this cluster.
    var cluster: String {
        api.objects("namespaces").first { $0["metadata"]?["name"] == "kube-system" }?["metadata"]?["uid"]?.stringValue
            ?? ""
    }

    /// Creates a VM as an adaptor of `node` does; without `cluster` it has no tags, as a VM of the Go adaptor.
    func createVM(
        pod: String, node: String = Self.node, namespace: String = "default", cluster: String?
    ) async throws -> InstanceID {
        let sandbox = try SandboxID(validating: "0123456789abcdef")
        let name = VMName.make(pod: pod, sandbox: sandbox)
        var tags: [String: String] = [:]
        if let cluster {
            tags = [
                InstanceTags.cluster: cluster, InstanceTags.node: node, InstanceTags.namespace: namespace,
                InstanceTags.pod: pod, InstanceTags.sandbox: sandbox.rawValue, InstanceTags.created: "1767225000",
            ]
        }
        let spec = InstanceSpec(
            name: name, podName: pod, podNamespace: namespace, requirements: Requirements(),
            userData: "I2Nsb3VkLWNvbmZpZw==", tags: tags)
        let creation = provider.createInstance(for: sandbox, from: spec)
        while true {
            switch await creation.next() {
            case .provisioned: return name
            case .failed(let error): throw error
            default: continue
            }
        }
    }

    /// The names of the VMs that Azure has.
    func vms() async throws -> Set<String> { Set(try await provider.instances().map(\.id.rawValue)) }

    /// Starts a controller.
    func controller(_ arguments: [String] = [], graceTime: String = "300ms") throws -> RunningController {
        var options = ChildProcess.Options(
            executable: Self.executable,
            arguments: [
                "controller", "-orphan-grace-time", graceTime, "-sweep-interval", "100ms", "-lease", Self.lease,
                "-namespace", "peerpods", "-node-name", Self.node, "-lease-duration", "2s", "-renew-deadline", "1s",
                "-retry-period", "100ms", "-listen", "127.0.0.1:0",
            ] + arguments)
        options.environment = [
            "KUBERNETES_SERVICE_HOST": "localhost", "KUBERNETES_SERVICE_PORT": "\(port)",
            "SERVICE_ACCOUNT_DIR": directory.path, "LOG_FORMAT": "json",
        ].merging(azure.account.environment.map { ($0.name, $0.value) }) { $1 }
        options.error = .pipe
        options.workingDirectory = directory.path
        options.output = .null
        let process = try ChildProcess.start(options, on: loop)
        children.withLock { $0.append(process) }
        return RunningController(process: process, loop: loop)
    }

    /// What the controller's webhook answers to the file `request`, when openssl calls it by `name` and trusts `webhook-ca.crt`.
    func openssl(_ controller: RunningController, name: String) async throws -> String {
        let marker = "\"Serving the webhook\",\"address\":\""
        let address =
            controller.log.ranges(of: marker).last
            .map { controller.log[$0.upperBound...].prefix { $0 != "\"" } } ?? ""
        var options = ChildProcess.Options(
            executable: "openssl",
            arguments: [
                "s_client", "-connect", String(address), "-servername", name, "-verify_hostname", name,
                "-verify_return_error", "-CAfile", "webhook-ca.crt", "-quiet", "-ign_eof",
            ])
        options.workingDirectory = directory.path
        options.input = .file(path: directory.path + "/request")
        options.output = .pipe
        options.error = .null
        let process = try ChildProcess.start(options, on: loop)
        var answer: [UInt8] = []
        while let bytes = try await process.output?.read(upTo: 65536), !bytes.isEmpty { answer += bytes }
        _ = try await process.wait()
        return String(decoding: answer, as: UTF8.self)
    }

    /// The identity of the Lease's holder; nil if there is none.
    var holder: String? { api.objects("leases").first?["spec"]?["holderIdentity"]?.stringValue }
}

/// A controller that runs as a process.
struct RunningController {
    let process: ChildProcess
    let loop: EpollLoop
    private(set) var log = ""

    init(process: ChildProcess, loop: EpollLoop) {
        self.process = process
        self.loop = loop
    }

    /// Reads the log until `text` is in it, or to its end.
    mutating func readLog(until text: String? = nil) async throws {
        while text.map({ !log.contains($0) }) ?? true {
            guard let bytes = try await process.error?.read(upTo: 65536), !bytes.isEmpty else { return }
            log += String(decoding: bytes, as: UTF8.self)
        }
    }

    /// What the status server answers; the log has been read as far as its address.
    func get(_ path: String) async throws -> String {
        let address =
            log.ranges(of: "\"Serving\",\"address\":\"").last
            .map { log[$0.upperBound...].prefix { $0 != "\"" } } ?? ""
        let stream = try await LinuxIO.Stream.connect(to: try SocketAddress(parsing: String(address)), on: loop)
        try await stream.write(Array("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        var answer: [UInt8] = []
        while case let bytes = try await stream.read(upTo: 65536), !bytes.isEmpty { answer += bytes }
        return String(decoding: answer, as: UTF8.self)
    }

    /// Whether this process leads, as its metrics say.
    func leads() async throws -> Bool {
        try await get("/metrics").contains("\npeerpods_controller_leader 1")
    }
}
