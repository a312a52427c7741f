import Doubles
import LinuxIO
import TTRPC
import Testing

/// The program as a service manager runs it, with a fake Azure as its child.
struct RunningDaemon {
    static let executable = Files.parent(of: SystemInfo.executablePath) + "/cloud-api-adaptor"

    /// Whether there is all that a pod needs.
    static var isBuiltWhole: Bool {
        ["cloud-api-adaptor", "agent-protocol-forwarder", "fake-azure", "fake-pod-vm"].allSatisfy {
            Files.isExecutable(Files.parent(of: executable) + "/" + $0)
        }
    }

    let process: ChildProcess
    let manager: LinuxIO.Stream
    let socket: String
    /// Where its fake Azure keeps what outlives it.
    var cloudDirectory: String
    let loop: EpollLoop
    private(set) var log = ""

    /// Starts it in `directory`, in `network` if that is not the test's own, by way of a program that `wrapper` calls; `name` is who the service manager is, and only if `boots` do its VMs do anything.
    init(
        in directory: String, on loop: EpollLoop, manager name: String = "manager", boots: Bool = false,
        arguments: [String] = [], environment: [String: String] = [:], network: NetworkNamespace? = nil,
        through wrapper: [String] = []
    ) throws {
        self.loop = loop
        socket = directory + "/h.sock"
        cloudDirectory = directory + "/cloud"
        var programs = Files.parent(of: Self.executable)
        if !boots {
            programs = directory + "/bin"
            try Files.makeDirectories(programs)
            for program in ["fake-pod-vm", "agent-protocol-forwarder"] {
                try Files.write("#!/bin/false\n".utf8, to: "\(programs)/\(program)", at: 0, mode: 0o700)
            }
            let fake = Files.parent(of: Self.executable) + "/fake-azure"
            try Files.write("#!/bin/sh\nexec '\(fake)' \"$@\"\n".utf8, to: "\(programs)/fake-azure", at: 0, mode: 0o700)
        }
        let notifications = "\(directory)/\(name)"
        manager = try ServiceManager.listen(at: notifications, on: loop)
        var options = ChildProcess.Options(
            executable: Self.executable,
            arguments: [
                "azure", "-socket", socket, "-pods-dir", directory + "/pods", "-fake-state-dir",
                cloudDirectory,
                "-fake-programs-dir", programs,
                "-fake-record", TrafficRecording.file(),
            ] + arguments)
        options.environment = [
            "NOTIFY_SOCKET": notifications, "PROBE_PORT": "0", "LOG_FORMAT": "json", "FAKE_NETWORK": "loopback",
            // Not every machine that runs tests has a machine id.
            "CLUSTER_ID": "test",
        ]
        .merging(environment.isEmpty ? ["FAKE_CLOUD": "true"] : environment) { $1 }
        // With a fake Azure elsewhere, the daemon takes its VMs for real ones.
        if options.environment?["FAKE_CLOUD"] == nil { options.environment?["ALLOW_PODS_WITHOUT_NETWORK"] = "true" }
        if let program = wrapper.first {
            options.arguments = wrapper.dropFirst() + [options.executable] + options.arguments
            options.executable = program
        }
        options.error = .pipe
        options.workingDirectory = directory
        options.networkNamespace = network
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

    /// What the probes answer; after a standby has taken over, those of its service.
    func get(_ path: String) async throws -> String {
        let address = try #require(
            log.ranges(of: "\"probes\":\"").last.map { log[$0.upperBound...].prefix { $0 != "\"" } })
        let stream = try await LinuxIO.Stream.connect(to: try SocketAddress(parsing: String(address)), on: loop)
        try await stream.write(Array("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        var answer: [UInt8] = []
        while case let bytes = try await stream.read(upTo: 65536), !bytes.isEmpty { answer += bytes }
        return String(decoding: answer, as: UTF8.self)
    }

    /// The value of a counter or gauge; the log has been read as far as the probes' address.
    func metric(_ name: String) async throws -> Double? {
        try await get("/metrics").split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Double($0.dropFirst(name.count + 1).filter { $0 != "\r" }) }
    }

    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration = .seconds(60)
    ) async throws -> Response {
        let stream = try await LinuxIO.Stream.connect(to: .unix(path: socket), on: loop)
        return try await Client.with(stream, on: loop) { try await $0.call(method, request, timeout: timeout) }
    }
}
