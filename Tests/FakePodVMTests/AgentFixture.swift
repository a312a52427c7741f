import KataProtocol
import LinuxIO
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import FakeAgent

/// A stand-in for the agent in the test's process, and its client.
struct AgentFixture: Sendable {
    let client: Client
    let loop: EpollLoop
    /// The directory for the guest's `/run/kata-containers`.
    let tree: String
    var shared: String { tree + "/shared/containers" }

    /// Runs `body` against a new agent, with a time limit.
    static func run(
        _ faults: AgentFaults = AgentFaults(), images: (ImageTools, ImageStore.Options)? = nil,
        _ body: @escaping @Sendable (AgentFixture) async throws -> Void
    ) async throws {
        let root = try Files.makeTemporaryDirectory(prefix: "/tmp/fake-agent-")
        defer { try? Files.removeTree(root) }
        Signals.ignoreBrokenPipes()
        try await onLoop { loop in
            let tree = try GuestRunDirectory(at: root + "/tree")
            let agent = Agent(
                tree: tree, pauseProgram: Files.parent(of: SystemInfo.executablePath) + "/fake-pod-vm",
                images: images, on: loop, logger: .silent)
            let server = Server(
                AgentMethods(agent: agent, copies: CopyTarget(tree: tree), faults: faults).services, on: loop)
            let (near, far) = try Stream.pair(on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await agent.run() }
                group.addTask { await server.serve(far) }
                defer { group.cancelAll() }
                try await withDeadline(.now + .seconds(120), on: loop) {
                    try await Client.with(near, on: loop) { client in
                        try await body(AgentFixture(client: client, loop: loop, tree: tree.directory))
                    }
                }
            }
        }
    }

    func call<Request, Response>(_ method: Method<Request, Response>, _ request: Request) async throws -> Response {
        try Response(parsing: await client.call(method.service, method.name, request.encoded))
    }

    /// Makes a call that must fail, and returns its status.
    func failure<Request, Response>(
        of method: Method<Request, Response>, _ request: Request, sourceLocation: SourceLocation = #_sourceLocation
    ) async -> Status? {
        await #expect(throws: Status.self, sourceLocation: sourceLocation) { _ = try await call(method, request) }
    }

    /// Creates a container and starts it.
    func start(
        _ arguments: [String], id: String = "c1", environment: [String] = [], directory: String = "",
        terminal: Bool = false
    ) async throws {
        _ = try await call(
            AgentService.createContainer,
            create(arguments, id: id, environment: environment, directory: directory, terminal: terminal))
        _ = try await call(AgentService.startContainer, .with { $0.containerID = id })
    }

    func create(
        _ arguments: [String], id: String = "c1", environment: [String] = [], directory: String = "",
        terminal: Bool = false
    ) -> CreateContainerRequest {
        .with {
            $0.containerID = id
            $0.oci = .with {
                $0.process = .with {
                    $0.arguments = arguments
                    $0.environment = environment
                    $0.workingDirectory = directory
                    $0.terminal = terminal
                }
            }
        }
    }

    func write(_ bytes: [UInt8], to exec: String = "c1") async throws {
        let response = try await call(
            AgentService.writeStdin,
            .with {
                $0.containerID = "c1"
                $0.execID = exec
                $0.data = bytes
            })
        #expect(Int(response.length) == bytes.count)
    }

    func closeInput() async throws {
        _ = try await call(AgentService.closeStdin, .process("c1", "c1"))
    }

    /// The bytes of one read; nil at the end.
    func read(
        _ method: Method<ReadStreamRequest, ReadStreamResponse> = AgentService.readStdout, exec: String = "c1",
        id: String = "c1"
    ) async throws -> [UInt8]? {
        do {
            let request = ReadStreamRequest.with {
                $0.containerID = id
                $0.execID = exec
                $0.length = 32768
            }
            let data = try await call(method, request).data
            #expect(1...32768 ~= data.count)
            return data
        } catch let status as Status where status.message == "EOF" {
            return nil
        }
    }

    /// All bytes up to the end.
    func readAll(
        _ method: Method<ReadStreamRequest, ReadStreamResponse> = AgentService.readStdout, exec: String = "c1"
    ) async throws -> [UInt8] {
        var all: [UInt8] = []
        while let next = try await read(method, exec: exec) { all += next }
        return all
    }

    func text(
        _ method: Method<ReadStreamRequest, ReadStreamResponse> = AgentService.readStdout, exec: String = "c1"
    ) async throws -> String {
        String(decoding: try await readAll(method, exec: exec), as: UTF8.self)
    }

    func wait(_ exec: String = "c1", id: String = "c1") async throws -> Int32 {
        try await call(AgentService.waitProcess, .process(id, exec)).status
    }

    func signal(_ number: UInt32, _ exec: String = "c1") async throws {
        _ = try await call(
            AgentService.signalProcess,
            .with {
                $0.containerID = "c1"
                $0.execID = exec
                $0.signal = number
            })
    }
}

extension ProcessRequest {
    static func process(_ container: String, _ exec: String) -> ProcessRequest {
        .with {
            $0.containerID = container
            $0.execID = exec
        }
    }
}
