import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

/// The program `cloud-api-adaptor gateway` as a service manager runs it.
struct RunningGateway {
    let process: ChildProcess
    let loop: EpollLoop
    let controlSocket: String

    private let manager: LinuxIO.Stream

    /// Starts a gateway for the adaptors that ``RunningDaemon`` starts in `directory`; returns once it serves.
    init(in directory: String, on loop: EpollLoop, manager name: String = "gateway", flags: [String] = []) async throws
    {
        try self.init(launchedIn: directory, on: loop, manager: name, flags: flags, error: .null)
        #expect(try await isReady())
    }

    /// Starts a gateway. ``isReady()`` says when it serves. Its log is at most what a pipe holds.
    init(
        launchedIn directory: String, on loop: EpollLoop, manager name: String, flags: [String] = [],
        environment: [String: String] = [:], error: ChildProcess.Output = .pipe
    ) throws {
        self.loop = loop
        controlSocket = directory + "/gateway.sock"
        manager = try ServiceManager.listen(at: "\(directory)/\(name)", on: loop)
        var options = ChildProcess.Options(
            executable: RunningDaemon.executable,
            arguments: [
                "gateway", "-socket", directory + "/h.sock", "-gateway-socket", controlSocket, "-pods-dir",
                directory + "/pods",
            ] + flags)
        options.environment = ["NOTIFY_SOCKET": "\(directory)/\(name)", "LOG_FORMAT": "json"]
            .merging(environment) { $1 }
        options.error = error
        process = try ChildProcess.start(options, on: loop)
    }

    /// Whether it serves now, and has not ended before.
    func isReady() async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { String(decoding: try await manager.read(upTo: 4096), as: UTF8.self) == "READY=1" }
            group.addTask {
                _ = try await process.wait()
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    /// What it has logged, after its end.
    func log() async throws -> String {
        var text: [UInt8] = []
        while let bytes = try await process.error?.read(upTo: 65536), !bytes.isEmpty { text += bytes }
        return String(decoding: text, as: UTF8.self)
    }

    /// The flags by which an adaptor uses the gateway in `directory`.
    static func flags(in directory: String) -> [String] { ["-gateway", directory + "/gateway.sock"] }

    /// The tunnels that it serves.
    func tunnels() async throws -> [TunnelStatus] {
        try await control { try await $0.call(GatewayControl.list, Empty()).tunnels }
    }

    func status() async throws -> GatewayStatus {
        try await control { try await $0.call(GatewayControl.counters, Empty()) }
    }

    private func control<Result>(_ body: (Client) async throws -> Result) async throws -> Result {
        let stream = try await LinuxIO.Stream.connect(to: .unix(path: controlSocket), on: loop)
        return try await Client.with(stream, on: loop, body)
    }

    /// Ends the process by a signal.
    func end(_ signal: Int32 = Signals.terminate) async throws {
        process.signal(signal)
        _ = try await process.wait()
    }
}

/// A container that writes the numbers from 0, and the one connection over which a shim reads them.
final class CountingContainer: Sendable {
    private let client: Client
    private let output = Lock<[UInt8]>([])
    private let failure = Lock<(any Error)?>(nil)
    private let loop: EpollLoop

    /// Starts it in the pod of the agent socket `socket`. Its tasks run in `pool`.
    init(_ socket: String, in pool: TaskPool, on loop: EpollLoop) async throws {
        self.loop = loop
        let client = Client(try await LinuxIO.Stream.connect(to: .unix(path: socket), on: loop), on: loop)
        self.client = client
        pool.start { await client.run() }
        let create = CreateContainerRequest.with {
            $0.containerID = "counting"
            $0.oci = .with { spec in
                let script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.005; done"
                spec.process = .with { $0.arguments = ["sh", "-c", script] }
                spec.linux = .with { $0.namespaces = [.with { $0.type = "mount" }] }
            }
        }
        _ = try await client.call(AgentService.createContainer, create)
        _ = try await client.call(AgentService.startContainer, .with { $0.containerID = "counting" })
        pool.start { [self] in await read() }
    }

    private func read() async {
        let request = ReadStreamRequest.with {
            ($0.containerID, $0.execID, $0.length) = ("counting", "counting", 1 << 16)
        }
        do {
            while true {
                let data = try await client.call(AgentService.readStdout, request).data
                output.withLock { $0 += data }
            }
        } catch {
            failure.withLock { $0 = error }
        }
    }

    /// Returns once 50 more numbers have come, each once and in order.
    func goesOn() async throws {
        let goal = lines.count + 50
        try await eventually(on: loop, "the container's output") {
            if let error = failure.withLock({ $0 }) { throw error }
            return lines.count >= goal
        }
        #expect(lines == (0..<lines.count).map { "\($0)" })
    }

    /// The complete lines.
    private var lines: [String] {
        let text = String(decoding: output.withLock { $0 }, as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
}
