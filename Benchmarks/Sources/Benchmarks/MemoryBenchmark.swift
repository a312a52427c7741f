import LinuxIO

/// How much memory the processes use when they are idle, after load, and when hostile clients send half requests.
struct MemoryBenchmark {
    let tools: Tools
    let rig: TunnelRig

    private static let group = "Resident memory"

    /// Before the tunnel has carried anything.
    func idle() -> [Figure] {
        [
            Figure(
                group: Self.group, name: "forwarder, idle", value: megabytes(rig.forwarder), unit: "MB", detail: "",
                goal: .atMost(10, "MB", original: "23 MB")),
            Figure(
                group: Self.group, name: "node end alone, idle", value: megabytes(rig.node), unit: "MB", detail: "",
                goal: .atMost(10, "MB", original: "24.0 MB")),
        ]
    }

    /// After all the load of the tunnel's benchmarks.
    func afterLoad() async throws -> [Figure] {
        let after = Figure(
            group: Self.group, name: "forwarder, after the tunnel benchmarks", value: megabytes(rig.forwarder),
            unit: "MB",
            detail: "node end \(plain(megabytes(rig.node))) MB", goal: .atMost(10, "MB", original: "28 to 68 MB"))
        return [after] + (try await connections()) + (try await hostile())
    }

    private func connections() async throws -> [Figure] {
        let count = 200
        let before = (resident(rig.node.pid), resident(rig.forwarder.pid))
        var streams: [Stream] = []
        for _ in 0..<count { streams.append(try await connection()) }
        // The node dials the VM at a connection's first byte. This byte begins a frame that never ends.
        for stream in streams { try await stream.write([0]) }
        _ = try await tools.peer.load("check-seq", on: rig.tunnelSocket, seconds: 0.5)
        let node = Double(resident(rig.node.pid) - before.0) / Double(count) / 1000
        let guest = Double(resident(rig.forwarder.pid) - before.1) / Double(count) / 1000
        for stream in streams { stream.close() }
        return [
            Figure(
                group: Self.group, name: "node end, per client connection", value: node, unit: "kB",
                detail: "\(count) idle connections; VM end \(plain(guest)) kB",
                goal: .atMost(40, "kB", original: "26 kB"))
        ]
    }

    /// Sixty clients that each send all but the last byte of a 4 MiB request.
    private func hostile() async throws -> [Figure] {
        let before = (resident(rig.node.pid), resident(rig.forwarder.pid))
        let size = 4 << 20
        let request: [UInt8] = [0, 0x40, 0, 0, 0, 0, 0, 1, 1, 0] + createContainerHead
        var streams: [Stream] = []
        for _ in 0..<60 { streams.append(try await connection()) }
        let loop = tools.loop
        let held = streams
        // The forwarder may delay these clients without a limit: only their memory counts.
        _ = try? await withDeadline(.now + .seconds(5), on: loop) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for stream in held {
                    group.addTask {
                        try await stream.write(request)
                        try await stream.write([UInt8](repeating: 0, count: size - createContainerHead.count - 1))
                    }
                }
                try await group.waitForAll()
            }
        }
        let grown = (resident(rig.node.pid) - before.0, resident(rig.forwarder.pid) - before.1)
        let check = try await tools.peer.load("check-seq", on: rig.tunnelSocket, seconds: 1)
        for stream in streams { stream.close() }
        return [
            Figure(
                group: Self.group, name: "60 clients that each send 4 MiB - 1 of a request, node end",
                value: Double(grown.0) / 1e6, unit: "MB more",
                detail: "other clients: Check p50 \(plain(check.p50)) us",
                goal: .atMost(16, "MB more", original: "+247 MB")),
            Figure(
                group: Self.group, name: "60 clients that each send 4 MiB - 1 of a request, VM end",
                value: Double(grown.1) / 1e6, unit: "MB more",
                detail: "CreateContainer, which the forwarder holds to rewrite it",
                goal: .atMost(16, "MB more", original: "+247 MB")),
        ]
    }

    private func connection() async throws -> Stream {
        try await Stream.connect(to: .unix(path: rig.tunnelSocket), on: tools.loop)
    }

    private func megabytes(_ child: ChildProcess) -> Double { Double(resident(child.pid)) / 1e6 }
}

/// The beginning of a CreateContainer request: service, method, and a payload that never ends.
private let createContainerHead: [UInt8] = {
    let service = Array("grpc.AgentService".utf8)
    let method = Array("CreateContainer".utf8)
    // Field 3's length, four bytes of varint: 4 MiB less the bytes before it.
    let head = [0x0a, UInt8(service.count)] + service + [0x12, UInt8(method.count)] + method
    var left = (4 << 20) - head.count - 5
    var length: [UInt8] = []
    while left >= 0x80 {
        length.append(UInt8(left & 0x7f) | 0x80)
        left >>= 7
    }
    return head + [0x1a] + length + [UInt8(left)]
}()
