import KataProtocol
import LinuxIO
import TTRPC
import Testing

/// The program as a service manager runs it, with a fake cloud whose programs do nothing.
private struct RunningDaemon {
    static let executable = Files.parent(of: SystemInfo.executablePath) + "/cloud-api-adaptor"

    let process: ChildProcess
    let manager: LinuxIO.Stream
    let socket: String
    let loop: EpollLoop
    private(set) var log = ""

    /// Starts it in `directory`; `name` is who the service manager is.
    init(
        in directory: String, on loop: EpollLoop, manager name: String = "manager", arguments: [String] = []
    ) throws {
        self.loop = loop
        socket = directory + "/h.sock"
        let programs = directory + "/bin"
        try Files.makeDirectories(programs)
        for program in ["fake-pod-vm", "agent-protocol-forwarder"] {
            try Files.write("#!/bin/false\n".utf8, to: "\(programs)/\(program)", at: 0, mode: 0o700)
        }
        let notifications = "\(directory)/\(name)"
        manager = try ServiceManager.listen(at: notifications, on: loop)
        var options = ChildProcess.Options(
            executable: Self.executable,
            arguments: [
                "azure", "-fake-cloud", "-socket", socket, "-pods-dir", directory + "/pods", "-fake-state-dir",
                directory + "/cloud",
                "-fake-programs-dir", programs,
            ] + arguments)
        options.environment = ["NOTIFY_SOCKET": notifications, "PROBE_PORT": "0", "LOG_FORMAT": "json"]
        options.error = .pipe
        process = try ChildProcess.start(options, on: loop)
    }

    /// What the service manager hears next.
    func notification() async throws -> String {
        String(decoding: try await manager.read(upTo: 4096), as: UTF8.self)
    }

    /// Reads the log until `text` is in it, or to its end.
    mutating func readLog(until text: String? = nil) async throws {
        while text.map({ !log.contains($0) }) ?? true {
            guard let bytes = try await process.error?.read(upTo: 65536), !bytes.isEmpty else { return }
            log += String(decoding: bytes, as: UTF8.self)
        }
    }

    /// What the probes answer.
    func get(_ path: String) async throws -> String {
        let address = try #require(
            log.firstRange(of: "\"probes\":\"").map { log[$0.upperBound...].prefix { $0 != "\"" } })
        let stream = try await LinuxIO.Stream.connect(to: try SocketAddress(parsing: String(address)), on: loop)
        try await stream.write(Array("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        var answer: [UInt8] = []
        while case let bytes = try await stream.read(upTo: 65536), !bytes.isEmpty { answer += bytes }
        return String(decoding: answer, as: UTF8.self)
    }

    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request
    ) async throws -> Response {
        let stream = try await LinuxIO.Stream.connect(to: .unix(path: socket), on: loop)
        return try await Client.with(stream, on: loop) { try await $0.call(method, request, timeout: .seconds(10)) }
    }
}

@Suite("The daemon", .enabled(if: Files.isExecutable(RunningDaemon.executable), "the program is not built"))
struct DaemonTests {
    @Test("serves, says so, and ends in order with its sandboxes on record")
    func life() throws {
        let directory = try TemporaryDirectory()
        try onLoop { loop in
            var daemon = try RunningDaemon(in: directory.path, on: loop)
            #expect(try await daemon.notification() == "READY=1")
            #expect(Files.permissions(daemon.socket) == 0o600)
            try await daemon.readLog(until: "\"probes\"")
            #expect(try await daemon.get("/startup").hasPrefix("HTTP/1.1 200 "))
            #expect(try await daemon.get("/healthz").contains("ok, 0 sandboxes"))
            #expect(try await daemon.get("/metrics").contains("\nprocess_resident_memory_bytes "))

            var request = CreateVMRequest()
            request.id = "sandbox-1"
            request.annotations = [
                "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
            ]
            let created = try await daemon.call(Hypervisor.createVM, request)
            #expect(created.agentSocketPath == directory.path + "/pods/sandbox-1/agent.ttrpc")

            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.notification() == "STOPPING=1")
            #expect(try await daemon.process.wait() == .exited(0))
            #expect(!Files.exists(daemon.socket))
            try await daemon.readLog()
            #expect(daemon.log.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"time\":\"") && $0.hasSuffix("}") })

            var next = try RunningDaemon(in: directory.path, on: loop, manager: "next")
            #expect(try await next.notification() == "READY=1")
            let sandboxes = try await next.call(Sandboxes.list, Empty()).sandboxes
            #expect(sandboxes.map(\.id) == ["sandbox-1"])
            next.process.signal(Signals.interrupt)
            #expect(try await next.process.wait() == .exited(0))
            try await next.readLog()
        }
    }

    @Test("refuses a socket that another one serves, and touches nothing")
    func second() throws {
        let directory = try TemporaryDirectory()
        try onLoop { loop in
            let first = try RunningDaemon(in: directory.path, on: loop)
            _ = try await first.notification()
            var second = try RunningDaemon(in: directory.path, on: loop, manager: "second")
            #expect(try await second.process.wait() == .exited(1))
            try await second.readLog()
            #expect(second.log.contains("another process answers on it"))
            #expect(try await first.call(Sandboxes.list, Empty()).sandboxes.isEmpty)
            first.process.signal(Signals.terminate)
            #expect(try await first.process.wait() == .exited(0))
        }
    }

    @Test("replaces the socket file that a killed one left")
    func stale() throws {
        let directory = try TemporaryDirectory()
        try onLoop { loop in
            let first = try RunningDaemon(in: directory.path, on: loop)
            _ = try await first.notification()
            first.process.signal(Signals.kill)
            _ = try await first.process.wait()
            #expect(Files.exists(first.socket))
            let second = try RunningDaemon(in: directory.path, on: loop, manager: "second")
            #expect(try await second.notification() == "READY=1")
            second.process.signal(Signals.terminate)
            #expect(try await second.process.wait() == .exited(0))
        }
    }

    @Test("does not start where it cannot keep records, and says what to do")
    func noRecords() throws {
        let directory = try TemporaryDirectory()
        try onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, arguments: ["-pods-dir", directory.path + "/bin/fake-pod-vm/pods"])
            #expect(try await daemon.process.wait() == .exited(1))
            try await daemon.readLog()
            #expect(daemon.log.contains("Check -pods-dir"))
        }
    }

    @Test("logs its configuration, but not what is secret")
    func configuration() throws {
        let directory = try TemporaryDirectory()
        try onLoop { loop in
            // gzip of nothing but a comment, in base64.
            let initdata = "H4sIAAAAAAACA1NWSM7PzU3NK+ECAN3SdNYKAAAA"
            var daemon = try RunningDaemon(in: directory.path, on: loop, arguments: ["-initdata", initdata])
            try await daemon.readLog(until: "\"probes\"")
            daemon.process.signal(Signals.terminate)
            _ = try await daemon.process.wait()
            try await daemon.readLog()
            #expect(daemon.log.contains("\"proxy-timeout\":\"5m\""))
            #expect(daemon.log.contains("\"initdata\":\"‹secret›\""))
            #expect(!daemon.log.contains(initdata))
        }
    }
}
