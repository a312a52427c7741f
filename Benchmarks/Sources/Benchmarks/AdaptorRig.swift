import JSON
import KataProtocol
import LinuxIO
import TTRPC

/// An adaptor as an operator runs it, in its own directory, and a fake Azure in another process.
struct AdaptorRig {
    let tools: Tools
    let directory: String
    let adaptor: ChildProcess
    let azure: ChildProcess

    /// In the order in which they should end.
    var children: [ChildProcess] { [adaptor, azure] }

    var socket: SocketAddress { .unix(path: "\(directory)/hypervisor.sock") }
    private var machines: String { "\(directory)/cloud/machines" }

    /// `flags` are the fake's. With `areHosts`, its VMs are hosts that pods' networks can reach; this needs root.
    static func start(
        _ tools: Tools, in directory: String, flags: [String] = [], areHosts: Bool = false, probePort: UInt16 = 0
    ) async throws -> AdaptorRig {
        try Files.makeDirectories(directory)
        let settings = "\(directory)/azure.env"
        // Azure's limits on calls are measured by another benchmark. Here they would hide everything else.
        let scenario = "\(directory)/scenario.json"
        try Files.write(#"{"throttling": {"on": false}}"#.utf8, to: scenario, at: 0)
        var fake = ChildProcess.Options(
            executable: tools.program("fake-azure"),
            arguments: [
                "-network", areHosts ? "hosts" : "loopback", "-state-dir", "\(directory)/cloud",
                "-env-file", settings,
                "-scenario", scenario,
            ]
                + flags)
        fake.error = .file(path: "\(directory)/azure.log")
        let azure = try ChildProcess.start(fake, on: tools.loop)
        let end = ContinuousClock.now + .seconds(10)
        while !Files.exists(settings) {
            if ContinuousClock.now > end {
                throw Failure("the fake Azure does not start within 10 s: see \(directory)/azure.log")
            }
            try await tools.loop.sleep(for: .milliseconds(5))
        }
        var options = ChildProcess.Options(
            executable: tools.program("cloud-api-adaptor"),
            arguments: [
                "azure", "-socket", "\(directory)/hypervisor.sock", "-pods-dir",
                tools.podsDirectory ?? "\(directory)/pods",
            ])
        var environment = Environment.all.merging([
            "PROBE_PORT": "\(probePort)", "CLUSTER_ID": "benchmark", "ALLOW_PODS_WITHOUT_NETWORK": "true",
        ]) { $1 }
        for line in String(decoding: try DurableFile.read(settings, limit: 1 << 16), as: UTF8.self).split(
            separator: "\n")
        {
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2 { environment[parts[0]] = parts[1] }
        }
        options.environment = environment
        options.error = .file(path: "\(directory)/adaptor.log")
        let adaptor = try ChildProcess.start(options, on: tools.loop)
        let rig = AdaptorRig(tools: tools, directory: directory, adaptor: adaptor, azure: azure)
        try await answers(rig.socket, on: tools.loop)
        return rig
    }

    /// Makes one call as the shim does: on a new connection.
    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request
    ) async throws -> Response {
        let stream = try await Stream.connect(to: socket, on: tools.loop)
        let answer = try await Client.with(stream, on: tools.loop) { client in
            try await client.call(method.service, method.name, request.encoded)
        }
        return try Response(parsing: answer)
    }

    /// The durations of a pod's three calls, in milliseconds.
    struct Timing: Sendable {
        var create = 0.0
        var start = 0.0
        /// The VM's share of `start`: from power on to the forwarder's readiness.
        var boot = 0.0
        /// From the forwarder's readiness to StartVM's answer.
        var notice = 0.0
        var stop = 0.0
    }

    /// Creates one sandbox and does not start it. Returns its id and the duration in milliseconds.
    func createPod(_ number: Int) async throws -> (id: String, time: Double) {
        let request = request(number, in: "")
        let began = ContinuousClock.now
        _ = try await call(Hypervisor.createVM, request)
        return (request.id, milliseconds(began, .now))
    }

    private func request(_ number: Int, in path: String) -> CreateVMRequest {
        var request = CreateVMRequest()
        request.id = (0..<4).map { _ in
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        request.networkNamespacePath = path
        request.annotations = [
            "io.kubernetes.cri.sandbox-name": "bench-\(number)", "io.kubernetes.cri.sandbox-namespace": "default",
        ]
        return request
    }

    /// Starts one pod and leaves it running. `path` is its network namespace, or empty.
    func startPod(_ number: Int, in path: String = "") async throws -> (id: String, timing: Timing) {
        let request = request(number, in: path)
        let id = request.id
        var named = VMRequest()
        named.id = id
        var timing = Timing()
        let created = ContinuousClock.now
        _ = try await call(Hypervisor.createVM, request)
        let asked = ContinuousClock.now
        timing.create = milliseconds(created, asked)
        _ = try await call(Hypervisor.startVM, named)
        timing.start = milliseconds(asked, .now)
        let answered = SystemInfo.wallClock
        let boot = try await boot(of: "podvm-bench-\(number)-\(id.prefix(8))")
        timing.boot = Double(boot.ready - boot.asked) / 1000
        timing.notice =
            Double(answered.seconds * 1_000_000 + Int64(answered.nanoseconds) / 1000 - boot.ready) / 1000
        return (id, timing)
    }

    /// Stops a pod. Returns the duration in milliseconds.
    func stopPod(_ id: String) async throws -> Double {
        var named = VMRequest()
        named.id = id
        let asked = ContinuousClock.now
        _ = try await call(Hypervisor.stopVM, named)
        return milliseconds(asked, .now)
    }

    /// Returns once the cloud has no VMs.
    func drained() async throws {
        let end = ContinuousClock.now + .seconds(60)
        while !(try Files.list(machines).filter { !$0.hasPrefix(".") }.isEmpty) {
            if ContinuousClock.now > end { throw Failure("VMs remain in \(machines) after 60 s") }
            try await tools.loop.sleep(for: .milliseconds(50))
        }
    }

    /// When a VM's power was switched on and when its forwarder was ready, in microseconds since 1970.
    private func boot(of vm: String) async throws -> (asked: Int64, ready: Int64) {
        let end = ContinuousClock.now + .seconds(5)
        while true {
            // On a busy machine StartVM answers before the VM has read its forwarder's READY=1.
            let json = try JSONValue(parsing: DurableFile.read("\(machines)/\(vm)/timeline.json", limit: 1 << 16))
            if let asked = json["asked"]?.integerValue, let ready = json["ready"]?.integerValue {
                return (asked, ready)
            }
            if ContinuousClock.now > end { throw Failure("the timeline of \(vm) is incomplete after 5 s") }
            try await tools.loop.sleep(for: .milliseconds(5))
        }
    }

    private func milliseconds(_ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant) -> Double {
        let components = from.duration(to: to).components
        return Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }
}
