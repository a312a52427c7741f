import AgentTunnel
import KataProtocol
import LinuxIO
import PodVMBoot
import PodVMLifecycle
import Synchronization
import TLS
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PodConnection

/// A connector, its sandbox and the sandbox's VM, on one loop.
private struct Scene: Sendable {
    let directory = try? TemporaryDirectory()
    let vm: TestVM
    let connector: AgentConnector
    let loop: EpollLoop
    let sandbox: SandboxID
    var instance: Instance { Instance(id: InstanceID(rawValue: "podvm-web-1"), addresses: ["127.0.0.1"]) }
    var path: String { directory?.path ?? "" }
    var files: [String] { (try? Files.list(path))?.sorted() ?? [] }

    init(
        on loop: EpollLoop, hasAgent: Bool = true, _ change: (inout PodConnectionSettings) -> Void = { _ in }
    ) throws {
        self.loop = loop
        sandbox = try SandboxID(validating: "s1")
        vm = try TestVM(in: directory?.path ?? "", hasAgent: hasAgent, on: loop)
        var settings = PodConnectionSettings()
        settings.forwarderPort = Int(vm.port)
        change(&settings)
        connector = AgentConnector(
            options: try settings.options(), network: .none(reason: "a test"), on: loop, logger: .silent)
    }

    /// The connector of a process that comes after the first.
    var successor: AgentConnector {
        AgentConnector(options: connector.options, network: connector.network, on: loop, logger: .silent)
    }

    func request(netns: String = "", initdata: String? = nil) -> SandboxRequest {
        SandboxRequest(
            id: sandbox, podName: "web", podNamespace: "default", networkNamespacePath: netns, initdata: initdata)
    }

    func prepare() async throws -> BootDocument {
        _ = try await connector.prepare(request(), in: path, vmName: instance.id)
        return try TestVM.document(in: try await connector.userData(for: sandbox, in: path))
    }

    /// One health check through the agent socket.
    func check() async throws -> UInt32 {
        let stream = try await LinuxIO.Stream.connect(to: .unix(path: path + "/agent.ttrpc"), on: loop)
        return try await Client.with(stream, on: loop) { client in
            try await client.call(Health.check, HealthCheckRequest(), timeout: .seconds(5)).status
        }
    }
}

/// Runs `body` beside what it starts in the group, which then ends.
private func scene(
    hasAgent: Bool = true, _ change: @escaping @Sendable (inout PodConnectionSettings) -> Void = { _ in },
    _ body: @escaping @Sendable (Scene, TaskPool) async throws -> Void
) async throws {
    try await onLoop { loop in
        let scene = try Scene(on: loop, hasAgent: hasAgent, change)
        let pool = TaskPool()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            group.addTask { await scene.connector.tunnels.run() }
            defer { group.cancelAll() }
            try await body(scene, pool)
        }
    }
}

@Suite("The connector prepares")
struct PreparationTests {
    @Test("the VM's boot document, and keys that only root may read")
    func document() async throws {
        try await scene { scene, _ in
            let pod = try await scene.connector.prepare(
                scene.request(netns: "/proc/self/ns/net"), in: scene.path, vmName: scene.instance.id)
            #expect(pod.agentSocketPath == scene.path + "/agent.ttrpc")
            let text = try await scene.connector.userData(for: scene.sandbox, in: scene.path)
            #expect(text.utf8.count <= UserData.limit)
            let document = try TestVM.document(in: text)
            #expect(document.podName == "web")
            #expect(document.podNamespace == "default")
            #expect(document.serverCertificate?.hasPrefix("-----BEGIN CERTIFICATE-----") == true)
            #expect(document.clientCA?.hasPrefix("-----BEGIN CERTIFICATE-----") == true)
            for file in ["identity.json", "user-data"] {
                #expect(Files.permissions("\(scene.path)/\(file)") == 0o600)
            }
        }
    }

    @Test(
        "only the first certificate of the operator's chain, so that the VM admits no other certificate of that issuer"
    )
    func operatorChain() async throws {
        let directory = try TemporaryDirectory()
        let identity = try SandboxIdentity.make(vmName: "a")
        let files = ["\(directory.path)/node.crt", "\(directory.path)/node.key"]
        try DurableFile.write(Array((identity.client.certificate + identity.authority).utf8), to: files[0])
        try DurableFile.write(Array(identity.client.key.reveal().utf8), to: files[1])
        try await scene({ ($0.tls.certificateFile, $0.tls.keyFile) = (files[0], files[1]) }) { scene, _ in
            let document = try await scene.prepare()
            #expect(document.clientCA == identity.client.certificate)
        }
    }

    /// An initdata that a guest accepts.
    private static func initdata(policy: String) -> String {
        "algorithm = \"sha256\"\nversion = \"0.1.0\"\n[data]\n\"policy.rego\" = \"\(policy)\"\n"
    }

    @Test(
        "no pod whose initdata the guest would refuse, unless configured so; the error says why",
        arguments: [
            (["0.1.0": "0.2.0"], "its version is \"0.2.0\", and only 0.1.0 is known"),
            (["sha256": "md5"], "its algorithm is \"md5\" instead of sha256, sha384 or sha512"),
            (["[data]": "[data"], "line 3"), (["[data]": ""], "unknown key \"policy.rego\""),
            (["version": "vers\0ion"], "it is not TOML text"),
        ])
    func refusedInitdata(change: [String: String], reason: String) async throws {
        let text = change.reduce(Self.initdata(policy: "package agent_policy")) { text, change in
            text.replacing(change.key, with: change.value)
        }
        try await scene { scene, _ in
            let error = await #expect(throws: ConnectorError.self) {
                try await scene.connector.prepare(
                    scene.request(initdata: text), in: scene.path, vmName: scene.instance.id)
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        }
        // Without the check, only what is not text, or too long, is refused.
        if text.contains("\0") { return }
        try await scene({ $0.checksInitdata = false }) { scene, _ in
            _ = try await scene.connector.prepare(
                scene.request(initdata: text), in: scene.path, vmName: scene.instance.id)
        }
    }

    @Test("the pod's initdata instead of the node's, and scratch space when configured so")
    func initdata() async throws {
        let (node, pod) = (Self.initdata(policy: "node"), Self.initdata(policy: "pod"))
        let packed = try Initdata(text: Array(node.utf8)).packed
        try await scene({
            $0.initdata = Secret(packed)
            $0.wantsScratchSpace = true
        }) { scene, _ in
            for (own, expected) in [(nil, node), (pod, pod)] {
                _ = try await scene.connector.prepare(
                    scene.request(initdata: own), in: scene.path, vmName: scene.instance.id)
                let text = try await scene.connector.userData(for: scene.sandbox, in: scene.path)
                let files = try UserData.cloudConfig(in: Array(text.utf8)).files
                let content = try #require(files.first { $0.path == GuestFile.initdata.path }?.content)
                #expect(try Initdata(packed: content).text == Array(expected.utf8))
                #expect(files.contains { $0.path == GuestFile.scratchSpace.path })
            }
        }
    }

    @Test(
        "no pod without a network namespace, unless configured so or VMs have no pod network; the error says what to do"
    )
    func noNamespace() async throws {
        try await scene { scene, _ in
            func connector(allows: Bool) throws -> AgentConnector {
                var options = scene.connector.options
                options.allowsPodsWithoutNetwork = allows
                return AgentConnector(
                    options: options,
                    network: .vxlan(try NodeNetworkManager(NetworkSettings(), reachedBy: nil, logger: .silent)),
                    on: scene.loop, logger: .silent)
            }
            let error = await #expect(throws: ConnectorError.self) {
                try await connector(allows: false).prepare(
                    scene.request(), in: scene.path, vmName: scene.instance.id)
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("no network namespace") == true)
            #expect(error?.message.contains("-allow-pods-without-network") == true)
            #expect(scene.files.filter { $0 != "vm-agent.sock" }.isEmpty)
            _ = try await connector(allows: true).prepare(
                scene.request(), in: scene.path, vmName: scene.instance.id)
            _ = try await scene.connector.prepare(scene.request(), in: scene.path, vmName: scene.instance.id)
        }
    }

    @Test("no pod whose initdata does not fit, and the error says by how much")
    func tooLong() async throws {
        try await scene { scene, _ in
            var generator = SystemRandomNumberGenerator()
            let noise = (0..<60_000).map { _ in
                "0123456789abcdefghijklmnopqrstuvwxyz".randomElement(using: &generator) ?? "x"
            }
            let error = await #expect(throws: ConnectorError.self) {
                try await scene.connector.prepare(
                    scene.request(initdata: Self.initdata(policy: String(noise))), in: scene.path,
                    vmName: scene.instance.id)
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("make the initdata smaller") == true)
        }
    }

    @Test("nothing where the directory cannot be written")
    func unwritable() async throws {
        try await scene { scene, _ in
            let error = await #expect(throws: ConnectorError.self) {
                try await scene.connector.prepare(
                    scene.request(), in: scene.path + "/missing", vmName: scene.instance.id)
            }
            #expect(error?.code == .failed)
        }
    }
}

@Suite("The connector connects")
struct ConnectionTests {
    @Test("once the agent serves, and keeps a spare connection for kata")
    func serving() async throws {
        try await scene { scene, pool in
            let document = try await scene.prepare()
            pool.start { try? await scene.vm.run(document) }
            try await scene.connector.connect(scene.sandbox, in: scene.path, to: scene.instance)
            #expect(Files.permissions(scene.path + "/agent.ttrpc") == 0o600)
            #expect(Files.exists(scene.path + "/user-data"), "a later process may continue the start")
            for _ in 0..<2 { await scene.connector.started(scene.sandbox, in: scene.path) }
            #expect(!Files.exists(scene.path + "/user-data"), "the VM's key is not needed any more")
            for _ in 0..<3 { #expect(try await scene.check() == HealthCheckResponse.serving) }
            await scene.connector.disconnect(scene.sandbox, in: scene.path)
            #expect(scene.files.filter { $0 != "vm-agent.sock" }.isEmpty)
            #expect(scene.connector.tunnels.count == 0)
            await scene.connector.disconnect(scene.sandbox, in: scene.path)
        }
    }

    @Test("without TLS when configured so")
    func clear() async throws {
        try await scene({ $0.tls.isDisabled = true }) { scene, pool in
            let document = try await scene.prepare()
            #expect(document.serverKey == nil && document.clientCA == nil)
            pool.start { try? await scene.vm.run(document) }
            try await scene.connector.connect(scene.sandbox, in: scene.path, to: scene.instance)
            #expect(try await scene.check() == HealthCheckResponse.serving)
        }
    }

    @Test("in a later process than the one that prepared")
    func successor() async throws {
        try await scene { scene, pool in
            let document = try await scene.prepare()
            pool.start { try? await scene.vm.run(document) }
            let successor = scene.successor
            pool.start { await successor.tunnels.run() }
            #expect(try await !successor.userData(for: scene.sandbox, in: scene.path).isEmpty)
            try await successor.connect(scene.sandbox, in: scene.path, to: scene.instance)
            #expect(try await scene.check() == HealthCheckResponse.serving)
        }
    }

    @Test("as soon as an agent that did not serve before serves")
    func recovering() async throws {
        try await scene { scene, pool in
            let document = try await scene.prepare()
            scene.vm.health.withLock { $0 = HealthCheckResponse.notServing }
            pool.start { try? await scene.vm.run(document) }
            pool.start {
                while scene.vm.connections.withLock({ $0 }) == 0 { await scene.loop.yield() }
                scene.vm.health.withLock { $0 = HealthCheckResponse.serving }
            }
            try await scene.connector.connect(scene.sandbox, in: scene.path, to: scene.instance)
        }
    }

    @Test("not while the agent does not serve, and the error says so")
    func notServing() async throws {
        try await scene { scene, pool in
            let document = try await scene.prepare()
            scene.vm.health.withLock { $0 = HealthCheckResponse.notServing }
            pool.start { try? await scene.vm.run(document) }
            let error = try await cancelled(scene) { scene.vm.connections.withLock { $0 } > 0 }
            #expect(error.code == .refused)
            #expect(error.message.contains("does not serve (status 2)"))
        }
    }

    @Test("not while there is no agent, and the error says so")
    func noAgent() async throws {
        try await scene(hasAgent: false) { scene, pool in
            let document = try await scene.prepare()
            pool.start { try? await scene.vm.run(document) }
            let start = ContinuousClock.now
            let error = try await cancelled(scene) { ContinuousClock.now - start > .milliseconds(600) }
            #expect(error.code == .unreachable)
            #expect(error.message.contains("the agent behind it does not"), "\(error)")
        }
    }

    @Test("not while the forwarder's port is closed, and the error says so")
    func closedPort() async throws {
        try await scene({ $0.forwarderPort = 1 }) { scene, _ in
            _ = try await scene.prepare()
            let start = ContinuousClock.now
            let error = try await cancelled(scene) { ContinuousClock.now - start > .milliseconds(100) }
            #expect(error.code == .unreachable)
            #expect(error.message.contains("127.0.0.1:1 after"))
            #expect(error.message.contains("connection refused"))
        }
    }

    @Test("not with another VM, and the error says so")
    func impostor() async throws {
        try await scene { scene, pool in
            _ = try await scene.prepare()
            var other = BootDocument(podName: "web", podNamespace: "default")
            let identity = try SandboxIdentity.make(vmName: "podvm-web-1")
            (other.serverKey, other.serverCertificate) = (identity.server.key, identity.server.certificate)
            let document = other
            pool.start { try? await scene.vm.run(document) }
            let start = ContinuousClock.now
            let error = try await cancelled(scene) { ContinuousClock.now - start > .milliseconds(300) }
            #expect(error.code == .refused)
            #expect(error.message.contains("untrusted peer"), "\(error)")
        }
    }

    @Test("again after a restart, also when the VM's forwarder answers only later")
    func restart() async throws {
        try await scene { scene, pool in
            let document = try await scene.prepare()
            let guest = pool.start { try? await scene.vm.run(document) }
            try await scene.connector.connect(scene.sandbox, in: scene.path, to: scene.instance)
            #expect(await scene.connector.closeTunnels() == 1)
            guest.cancel()
            await guest.finished()
            let next = scene.successor
            pool.start { await next.tunnels.run() }
            await next.reopen(scene.sandbox, in: scene.path, to: scene.instance)
            await next.reopen(scene.sandbox, in: scene.path, to: scene.instance)
            #expect(next.tunnels.count == 1 && next.lastUse(of: scene.sandbox) == nil)
            let stream = try await LinuxIO.Stream.connect(to: .unix(path: scene.path + "/agent.ttrpc"), on: scene.loop)
            try await eventually(on: scene.loop) { next.lastUse(of: scene.sandbox) != nil }
            stream.close()
            await next.disconnect(scene.sandbox, in: scene.path)
            #expect(next.tunnels.count == 0 && scene.files.allSatisfy { $0 != "agent.ttrpc" })
        }
    }

    @Test("but not after a restart without the sandbox's keys, and the sandbox stays")
    func restartWithoutKeys() async throws {
        try await scene { scene, _ in
            await scene.connector.reopen(scene.sandbox, in: scene.path, to: scene.instance)
            #expect(scene.connector.tunnels.count == 0)
        }
    }

    @Test("and closes kata's connections when the VM is gone")
    func dying() async throws {
        try await scene { scene, pool in
            let document = try await scene.prepare()
            let guest = pool.start { try? await scene.vm.run(document) }
            try await scene.connector.connect(scene.sandbox, in: scene.path, to: scene.instance)
            let kata = try await LinuxIO.Stream.connect(to: .unix(path: scene.path + "/agent.ttrpc"), on: scene.loop)
            var bytes: [UInt8] = []
            let envelope = RequestEnvelope(service: Health.service, method: "Check")
            Frame(stream: 1, .request, payload: envelope.encoded).encode(into: &bytes)
            try await kata.write(bytes)
            #expect(try await !kata.read(upTo: 1024).isEmpty)
            guest.cancel()
            await guest.finished()
            #expect(try await kata.read(upTo: 1024).isEmpty)
        }
    }

    /// The error of a connect that is cancelled as soon as `condition` holds.
    private func cancelled(
        _ scene: Scene, when condition: @escaping @Sendable () -> Bool
    ) async throws -> ConnectorError {
        try await withThrowingTaskGroup(of: ConnectorError?.self) { group in
            group.addTask {
                do throws(ConnectorError) {
                    try await scene.connector.connect(scene.sandbox, in: scene.path, to: scene.instance)
                    return nil
                } catch {
                    return error
                }
            }
            while !condition() { try await scene.loop.sleep(for: .milliseconds(10)) }
            // One more round, for the answer to arrive.
            try await scene.loop.sleep(for: .milliseconds(50))
            group.cancelAll()
            return try #require(try await group.next() ?? nil)
        }
    }
}
