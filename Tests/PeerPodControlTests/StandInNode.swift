import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import PeerPodControl

/// A hypervisor and an agent in this process, which note what a shim does to them.
///
/// Its command prints what it was told to and ends when its input is closed, unless told otherwise.
final class StandInNode: Sendable {
    /// What a test may change before the shim comes.
    struct Behavior: Sendable {
        var output: [[UInt8]] = []
        var errorOutput: [[UInt8]] = []
        var status: Int32 = 0
        /// The command goes on until a signal comes; of which it then dies.
        var runsUntilSignalled = false
        var createVM: @Sendable () async throws -> Void = {}
        var startVM: @Sendable () async throws -> Void = {}
        var stopVM: @Sendable () async throws -> Void = {}
        var network: @Sendable () async throws -> PodNetworkStatus = { PodNetworkStatus() }
        /// Gets how many checks there were before.
        var health: @Sendable (Int) -> UInt32 = { _ in HealthCheckResponse.serving }
        /// The outputs stay open after the command has ended.
        var leavesOutputsOpen = false
    }

    private struct Notes {
        var calls: [String] = []
        var requests: [String: [[UInt8]]] = [:]
        var metadata: [Metadata] = []
        var deadlines: [String: ContinuousClock.Instant?] = [:]
        var output: [[UInt8]] = []
        var errorOutput: [[UInt8]] = []
        var status: Int32 = 0
        var checks = 0
        var hypervisorConnections = 0
        var agentConnections = 0
        var agentStreams: [Stream] = []
        var hangUps: [String] = []
    }

    let socket: String
    let agentSocket: String
    /// Set when the agent was told to start the command.
    let commandRuns = Event()
    /// Set when the method StartVM was called.
    let startWasCalled = Event()
    private let commandEnded = Event()
    private let loop: EpollLoop
    private let behavior: Behavior
    private let notes: Lock<Notes>
    private let directory: TemporaryDirectory

    init(on loop: EpollLoop, _ adjust: (inout Behavior) -> Void = { _ in }) throws {
        var behavior = Behavior()
        adjust(&behavior)
        self.loop = loop
        self.behavior = behavior
        directory = try TemporaryDirectory()
        socket = directory.path + "/hypervisor.sock"
        agentSocket = directory.path + "/agent.ttrpc"
        notes = Lock(Notes(output: behavior.output, errorOutput: behavior.errorOutput, status: behavior.status))
    }

    /// The names of the methods called, in order.
    var calls: [String] { notes.withLock { $0.calls } }
    var hypervisorConnections: Int { notes.withLock { $0.hypervisorConnections } }
    var agentConnections: Int { notes.withLock { $0.agentConnections } }
    var metadata: [Metadata] { notes.withLock { $0.metadata } }
    /// The calls whose caller hung up before they were answered.
    var hangUps: [String] { notes.withLock { $0.hangUps } }

    /// The first request of a method.
    func request<Request: Message, Response: Message>(of method: Method<Request, Response>) throws -> Request {
        try Request(parsing: try #require(notes.withLock { $0.requests[method.name]?.first }))
    }

    func deadline(of method: String) -> ContinuousClock.Instant? { notes.withLock { $0.deadlines[method] ?? nil } }

    /// Closes every connection to the agent, as a VM that dies does.
    func killAgent() { for stream in notes.withLock({ $0.agentStreams }) { stream.close() } }

    /// Serves both sockets while `body` runs.
    func serve<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let hypervisor = try Listener.listen(on: .unix(path: socket), loop: loop)
        let agent = try Listener.listen(on: .unix(path: agentSocket), loop: loop)
        defer {
            hypervisor.close()
            agent.close()
        }
        return try await withDeadline(.now + .seconds(120), on: loop) { [self] in
            try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { [self] in
                    try await accept(hypervisor, hypervisorHandlers) { notes, _ in notes.hypervisorConnections += 1 }
                }
                group.addTask { [self] in
                    try await accept(agent, agentHandlers) { notes, stream in
                        notes.agentConnections += 1
                        notes.agentStreams.append(stream)
                    }
                }
                group.addTask { try await body() }
                defer { group.cancelAll() }
                while let result = try await group.next() {
                    if let result { return result }
                }
                throw CancellationError()
            }
        }
    }

    private func accept<Result>(
        _ listener: Listener, _ handlers: [MethodHandler], _ note: @escaping @Sendable (inout Notes, Stream) -> Void
    ) async throws -> Result? {
        let server = Server(Service.services(of: handlers), on: loop)
        try await withThrowingTaskGroup(of: Void.self) { group in
            while true {
                let stream = try await listener.accept()
                notes.withLock { note(&$0, stream) }
                group.addTask { await server.serve(stream) }
            }
        }
        return nil
    }

    /// Serves `method` with `body`, and notes the call.
    private func on<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ body: @escaping @Sendable (Request) async throws -> Response
    ) -> MethodHandler {
        method.handled { [self] call, request in
            notes.withLock { notes in
                notes.calls.append(method.name)
                notes.requests[method.name, default: []].append(request.encoded)
                notes.metadata.append(call.metadata)
                if notes.deadlines[method.name] == nil { notes.deadlines[method.name] = .some(call.deadline) }
            }
            do {
                return try await body(request)
            } catch is CancellationError {
                notes.withLock { $0.hangUps.append(method.name) }
                throw CancellationError()
            }
        }
    }

    private var hypervisorHandlers: [MethodHandler] {
        [
            on(Hypervisor.createVM) { [self] _ in
                try await behavior.createVM()
                return .with { $0.agentSocketPath = agentSocket }
            },
            on(Hypervisor.startVM) { [self] _ in
                startWasCalled.set()
                try await behavior.startVM()
                return Empty()
            },
            on(Hypervisor.stopVM) { [self] _ in
                try await behavior.stopVM()
                return Empty()
            },
            on(Sandboxes.network) { [self] _ in try await behavior.network() },
        ]
    }

    private var agentHandlers: [MethodHandler] {
        [
            on(AgentService.check) { [self] _ in
                let checks = notes.withLock { notes in
                    defer { notes.checks += 1 }
                    return notes.checks
                }
                return .with { $0.status = behavior.health(checks) }
            },
            on(AgentService.getGuestDetails) { _ in GuestDetails() },
            on(AgentService.createSandbox) { _ in Empty() },
            on(AgentService.setPolicy) { _ in Empty() },
            on(AgentService.createContainer) { _ in Empty() },
            on(AgentService.startContainer) { [self] _ in
                commandRuns.set()
                return Empty()
            },
            on(AgentService.waitProcess) { [self] _ in
                await commandEnded.wait()
                try Task.checkCancellation()
                return .with { $0.status = notes.withLock { $0.status } }
            },
            on(AgentService.getOOMEvent) { [self] _ in
                try await loop.sleep(for: .seconds(3600))
                return OOMEvent()
            },
            on(AgentService.readStdout) { [self] request in try await read(\.output, request) },
            on(AgentService.readStderr) { [self] request in try await read(\.errorOutput, request) },
            on(AgentService.closeStdin) { [self] _ in
                if !behavior.runsUntilSignalled { commandEnded.set() }
                return Empty()
            },
            on(AgentService.signalProcess) { [self] request in
                notes.withLock { $0.status = 128 + Int32(request.signal) }
                commandEnded.set()
                return Empty()
            },
            on(AgentService.removeContainer) { _ in Empty() },
            on(AgentService.destroySandbox) { _ in Empty() },
        ]
    }

    private func read(
        _ output: any WritableKeyPath<Notes, [[UInt8]]> & Sendable, _ request: ReadStreamRequest
    ) async throws -> ReadStreamResponse {
        let piece = notes.withLock { notes in
            notes[keyPath: output].isEmpty ? nil : notes[keyPath: output].removeFirst()
        }
        if let piece {
            #expect(piece.count <= Int(request.length))
            return .with { $0.data = piece }
        }
        await commandEnded.wait()
        if behavior.leavesOutputsOpen { try await loop.sleep(for: .seconds(3600)) }
        throw Status(.unknown, "EOF")
    }
}

/// What a pod printed, as its shim passed it on.
final class Recording: Sendable {
    private let bytes = Lock((output: [UInt8](), error: [UInt8]()))

    var output: [UInt8] { bytes.withLock { $0.output } }
    var error: [UInt8] { bytes.withLock { $0.error } }

    var sink: PodOutput {
        PodOutput(
            standard: { piece in
                self.bytes.withLock { $0.output += piece }
                return true
            },
            error: { piece in
                self.bytes.withLock { $0.error += piece }
                return true
            }, finish: {})
    }
}
