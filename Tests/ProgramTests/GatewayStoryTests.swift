import Doubles
import KataProtocol
import LinuxIO
import NetworkRig
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

/// Pods whose shims are connected to a gateway, while their adaptor, or the gateway, ends and starts again.
@Suite("A pod with a gateway", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct GatewayStoryTests {
    /// A node's directory, and the processes that a test starts on the node.
    private struct Node: Sendable {
        let directory: TemporaryDirectory
        let loop: EpollLoop
        let pool: TaskPool
        let port: Int

        func gateway(_ name: String = "gateway", flags: [String] = []) async throws -> RunningGateway {
            try await RunningGateway(in: directory.path, on: loop, manager: name, flags: flags)
        }

        /// An adaptor that is attached to the gateway.
        func adaptor(_ name: String, flags: [String] = []) async throws -> RunningDaemon {
            var adaptor = try RunningDaemon(
                in: directory.path, on: loop, manager: name, boots: true,
                arguments: ["-forwarder-port", "\(port)"] + RunningGateway.flags(in: directory.path) + flags)
            #expect(try await adaptor.notification() == "READY=1")
            try await adaptor.readLog(until: "Attached to the gateway")
            return adaptor
        }

        /// Starts a pod; returns its agent socket.
        func startPod(_ adaptor: RunningDaemon, _ pod: CreateVMRequest = pod) async throws -> String {
            let socket = try await adaptor.call(Hypervisor.createVM, pod).agentSocketPath
            _ = try await adaptor.call(Hypervisor.startVM, .with { $0.id = pod.id })
            return socket
        }

        /// Returns once nothing of the pod is left.
        func podIsGone(_ adaptor: RunningDaemon) async throws {
            try await eventually(on: loop, "the pod's end") {
                try await adaptor.call(Sandboxes.list, Empty()).sandboxes.isEmpty
            }
            #expect(try Files.list(directory.path + "/cloud/machines").isEmpty)
            #expect(!Files.exists(directory.path + "/pods/\(pod.id)"))
        }
    }

    private static func run(port: Int, _ body: @escaping @Sendable (Node) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let node = Node(directory: directory, loop: loop, pool: TaskPool(), port: port)
            try await alongside({ await node.pool.run() }) { try await body(node) }
        }
    }

    @Test(
        "keeps its agent connection and its byte stream while the adaptor is killed or stopped, and started again",
        arguments: [(Signals.kill, 15171), (Signals.terminate, 15172)])
    func survives(signal: Int32, port: Int) async throws {
        try await Self.run(port: port) { node in
            let gateway = try await node.gateway()
            for thread in try ThreadStatus.all(of: gateway.process.pid) {
                #expect(thread.isFiltered && !thread.mayGainRights)
                // Without root, the bounding set cannot be emptied.
                if canMakeNamespaces { #expect(thread.capabilities == 0) }
            }
            let first = try await node.adaptor("first")
            let socket = try await node.startPod(first)
            let container = try await CountingContainer(socket, in: node.pool, on: node.loop)
            try await container.goesOn()
            first.process.signal(signal)
            _ = try await first.process.wait()
            try await container.goesOn()
            #expect(Files.exists(first.socket))

            let second = try await node.adaptor("second")
            #expect(try await second.call(Sandboxes.list, Empty()).sandboxes.map(\.state) == ["running"])
            try await container.goesOn()
            #expect(try await gateway.tunnels().map(\.sandbox) == [pod.id])
            #expect(try await PodShell(socket, on: node.loop).output(of: "echo hello") == "hello\n")

            _ = try await second.call(Hypervisor.stopVM, .with { $0.id = pod.id })
            try await node.podIsGone(second)
            #expect(try await gateway.tunnels().isEmpty)
            for process in [second.process, gateway.process] {
                process.signal(Signals.terminate)
                #expect(try await process.wait() == .exited(0))
            }
            #expect(!Files.exists(second.socket) && !Files.exists(gateway.controlSocket))
        }
    }

    @Test(
        "starts although its adaptor is killed or stopped during StartVM: the next adaptor continues the start",
        arguments: [(Signals.kill, 15176), (Signals.terminate, 15177)])
    func continued(signal: Int32, port: Int) async throws {
        try await Self.run(port: port) { node in
            let gateway = try await node.gateway()
            let first = try await node.adaptor("first", flags: ["-fake-boot-delay", "2s"])
            let socket = try await first.call(Hypervisor.createVM, pod).agentSocketPath
            async let start = first.call(Hypervisor.startVM, .with { $0.id = pod.id })
            try await eventually(on: node.loop, "the VM's address") {
                try await first.call(Sandboxes.list, Empty()).sandboxes.map(\.state) == ["booting"]
            }
            first.process.signal(signal)
            _ = try await first.process.wait()
            let second = try await node.adaptor("second")
            _ = try await start
            #expect(try await second.call(Sandboxes.list, Empty()).sandboxes.map(\.state) == ["running"])
            #expect(try Files.list(node.directory.path + "/cloud/machines").count == 1)
            #expect(try await PodShell(socket, on: node.loop).output(of: "echo hello") == "hello\n")

            _ = try await second.call(Hypervisor.stopVM, .with { $0.id = pod.id })
            try await node.podIsGone(second)
            second.process.signal(Signals.terminate)
            _ = try await second.process.wait()
            try await gateway.end()
        }
    }

    @Test("is deleted by the next adaptor when StopVM comes while there is none, also after the gateway was killed")
    func stopped() async throws {
        try await Self.run(port: 15173) { node in
            let gateway = try await node.gateway()
            let first = try await node.adaptor("first")
            _ = try await node.startPod(first)
            first.process.signal(Signals.kill)
            _ = try await first.process.wait()
            _ = try await first.call(Hypervisor.stopVM, .with { $0.id = pod.id }, timeout: .seconds(10))
            #expect(try await gateway.status().stopMarks == 1)
            #expect(try Files.list(node.directory.path + "/cloud/machines").count == 1)
            try await gateway.end(Signals.kill)

            let next = try await node.gateway("next-gateway")
            let second = try await node.adaptor("second")
            try await node.podIsGone(second)
            second.process.signal(Signals.terminate)
            _ = try await second.process.wait()
            try await next.end()
        }
    }

    @Test("moves to a newer gateway with its agent connection and its byte stream, five times, and each older one ends")
    func moved() async throws {
        try await Self.run(port: 15178) { node in
            var gateway = try await node.gateway()
            let adaptor = try await node.adaptor("first")
            let socket = try await node.startPod(adaptor)
            let container = try await CountingContainer(socket, in: node.pool, on: node.loop)
            let silent = try await LinuxIO.Stream.connect(to: .unix(path: socket), on: node.loop)
            for number in 1...5 {
                try await container.goesOn()
                let newer = try await node.gateway("newer-\(number)")
                #expect(try await gateway.process.wait() == .exited(0))
                try await container.goesOn()
                gateway = newer
            }
            #expect(try await gateway.tunnels().map { "\($0.generation) \($0.connections)" } == ["6 2"])
            #expect(try await gateway.status().resumedSessions == 1)
            #expect(try await PodShell(socket, on: node.loop).output(of: "echo hello") == "hello\n")
            let client = Client(silent, on: node.loop)
            node.pool.start { await client.run() }
            _ = try await client.call(Health.check, HealthCheckRequest())

            _ = try await adaptor.call(Hypervisor.stopVM, .with { $0.id = pod.id })
            try await node.podIsGone(adaptor)
            adaptor.process.signal(Signals.terminate)
            _ = try await adaptor.process.wait()
            try await gateway.end()
            #expect(try Files.list(node.directory.path).filter { $0.contains(".sock") } == [])
        }
    }

    @Test("stays with an older gateway while a newer one serves new pods, and the older one ends with its last pod")
    func upgraded() async throws {
        try await Self.run(port: 15175) { node in
            let older = try await node.gateway()
            let adaptor = try await node.adaptor("first")
            let socket = try await node.startPod(adaptor)
            let container = try await CountingContainer(socket, in: node.pool, on: node.loop)
            let newer = try await node.gateway("newer", flags: ["-take-over=false"])
            try await container.goesOn()

            var other = pod
            other.id = "fedcba9876543210"
            other.annotations["io.kubernetes.cri.sandbox-name"] = "other"
            let otherSocket = try await node.startPod(adaptor, other)
            let generations = try await newer.tunnels().map { [$0.sandbox: $0.generation] }
            #expect(generations == [[pod.id: 1], [other.id: 2]])
            try await container.goesOn()

            _ = try await adaptor.call(Hypervisor.stopVM, .with { $0.id = pod.id })
            #expect(try await older.process.wait() == .exited(0))
            #expect(try await PodShell(otherSocket, on: node.loop).output(of: "echo hello") == "hello\n")
            _ = try await adaptor.call(Hypervisor.stopVM, .with { $0.id = other.id })
            try await eventually(on: node.loop, "the pods' end") {
                try await adaptor.call(Sandboxes.list, Empty()).sandboxes.isEmpty
            }
            adaptor.process.signal(Signals.terminate)
            _ = try await adaptor.process.wait()
            try await newer.end()
        }
    }

    @Test("has an agent socket again when the gateway was killed and started again")
    func gatewayKilled() async throws {
        try await Self.run(port: 15174) { node in
            let gateway = try await node.gateway()
            var adaptor = try await node.adaptor("first")
            let socket = try await node.startPod(adaptor)
            try await gateway.end(Signals.kill)
            let next = try await node.gateway("next-gateway")
            try await adaptor.readLog(until: "The gateway does not have a tunnel; opening it")
            try await eventually(on: node.loop) { try await !next.tunnels().isEmpty }
            #expect(try await PodShell(socket, on: node.loop).output(of: "echo hello") == "hello\n")
            _ = try await adaptor.call(Hypervisor.stopVM, .with { $0.id = pod.id })
            try await node.podIsGone(adaptor)
            adaptor.process.signal(Signals.terminate)
            _ = try await adaptor.process.wait()
            try await next.end()
        }
    }
}

private let pod = CreateVMRequest.with {
    $0.id = "0123456789abcdef"
    $0.annotations = ["io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default"]
}
