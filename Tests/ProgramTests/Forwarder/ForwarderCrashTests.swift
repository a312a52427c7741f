import AgentTunnel
import ForwarderRig
import LinuxIO
import NetworkRig
import TLS
import TTRPC
import TestSupport
import Testing

@testable import AgentProtocolForwarder

/// What starts the forwarder again, and keeps its descriptors.
enum ForwarderManager: String, CaseIterable, Sendable {
    /// Tests/Peers/descriptor-store/manager.py, which can have the forwarder kill itself at a chosen place.
    case script = "manager.py"
    /// Debian's systemd.
    case systemd = "systemd.py"

    /// Those that can run here.
    static var usable: [ForwarderManager] {
        allCases.filter { $0 == .script || canMakeNamespaces && Files.isExecutable("/lib/systemd/systemd") }
    }
}

/// The forwarder's program, which a manager runs.
private struct ManagedForwarder {
    private let process: ChildProcess
    private let lines: LineReader

    /// With a `crashPoint`, the first process kills itself there. The places are counted from the first one whose text
    /// contains `first`.
    init(
        _ guest: Guest, by manager: ForwarderManager, listen: SocketAddress, crashPoint: Int? = nil,
        countedFrom first: String? = nil, on loop: EpollLoop, thisFile: String = #filePath
    ) throws {
        let tests = Files.parent(of: Files.parent(of: Files.parent(of: thisFile)))
        var options = ChildProcess.Options(
            executable: Needs.python ?? "python3",
            arguments: [
                "\(tests)/Peers/descriptor-store/\(manager.rawValue)", Needs.program, "-config", guest.config,
                "-listen", "\(listen)", "-kata-agent-socket", guest.agentSocket, "-pod-namespace",
                Requests.podNamespace,
            ] + (crashPoint == nil ? [] : ["-seccomp", "log"]))
        if let crashPoint {
            var variables = ["PEERPODS_CRASH_POINT": "\(crashPoint)"]
            variables["PEERPODS_CRASH_AFTER"] = first
            options.environment = Environment.all.merging(variables) { _, new in new }
        }
        options.input = .pipe
        options.output = .pipe
        options.error = crashPoint == nil ? .null : .pipe
        process = try ChildProcess.start(options, on: loop)
        lines = LineReader(try #require(process.output))
    }

    func expect(_ line: String) async throws { #expect(try await lines.next() == line) }

    func kill() async throws {
        try await process.input?.write(Array("kill\n".utf8))
        try await expect("killed")
        try await expect("ready")
    }

    /// The number of stored descriptors.
    func count() async throws -> Int? {
        try await process.input?.write(Array("count\n".utf8))
        while case let line = try await lines.next(), !line.isEmpty {
            // A crash may come at any time.
            if line.hasPrefix("count ") { return Int(line.dropFirst(6)) }
        }
        return nil
    }

    /// Ends the program in order. Returns what it has written to standard error.
    func stop() async throws -> String {
        process.input?.close()
        let text = try await process.error?.readToEnd() ?? []
        while case let line = try await lines.next(), line != "exited 0" {
            #expect(["killed", "ready"].contains(line))
            if line.isEmpty { break }
        }
        _ = try await process.wait()
        return String(decoding: text, as: UTF8.self)
    }
}

private final class LineReader: Sendable {
    private let stream: LinuxIO.Stream
    private let buffer = Lock<[UInt8]>([])

    init(_ stream: LinuxIO.Stream) { self.stream = stream }

    func next() async throws -> String {
        while true {
            let line = buffer.withLock { buffer -> [UInt8]? in
                guard let end = buffer.firstIndex(of: 10) else { return nil }
                defer { buffer.removeFirst(end + 1) }
                return Array(buffer[..<end])
            }
            if let line { return String(decoding: line, as: UTF8.self) }
            let bytes = try await stream.read(upTo: 4096)
            if bytes.isEmpty { return "" }
            buffer.withLock { $0 += bytes }
        }
    }
}

/// `CRASH_POINTS=all` tries every place, otherwise every fourth.
@Suite(
    "A forwarder that is killed",
    .enabled(if: Files.isExecutable(Needs.program), "agent-protocol-forwarder is not built"),
    .enabled(if: Needs.python != nil, "needs python3"))
struct ForwarderCrashTests {
    private struct Rig: Sendable {
        let forwarder: ManagedForwarder
        let guest: Guest
        let socket: SocketAddress
        let loop: EpollLoop
        let accepted: Lock<Int>

        func connect() async throws -> LinuxIO.Stream { try await LinuxIO.Stream.connect(to: socket, on: loop) }
    }

    /// Runs the node's end of a tunnel, an agent that sends back what comes, and a forwarder that can be killed.
    ///
    /// Returns the place at which the forwarder killed itself; nil if it did not pass `crashPoint` places.
    @discardableResult
    private func withForwarder(
        by manager: ForwarderManager = .script, crashPoint: Int? = nil, countedFrom first: String? = nil,
        _ body: @escaping @Sendable (Rig) async throws -> Void
    ) async throws -> String? {
        let place = Lock<String?>(nil)
        let guest = try Guest()
        let identity = try SandboxIdentity.make(vmName: Guest.vmName)
        try guest.write(identity)
        try await onLoop(within: .seconds(120)) { loop in
            // An address of its own: no other test can take the port while the forwarder is restarted.
            let host = "127.\(Int.random(in: 32..<255)).\(Int.random(in: 0..<255)).\(Int.random(in: 1..<255))"
            let address = SocketAddress.tcp(host: host, port: 15150)
            let agent = try Listener.listen(on: .unix(path: guest.agentSocket), loop: loop)
            let forwarder = try ManagedForwarder(
                guest, by: manager, listen: address, crashPoint: crashPoint, countedFrom: first, on: loop)
            try await forwarder.expect("ready")
            let context = try TLSContext.client(trusting: identity.authority, identity: identity.client)
            let security = ClientSecurity(context: context, serverName: Guest.vmName)
            let socket = SocketAddress.unix(path: "\(guest.path)/agent.ttrpc")
            let node = NodeTunnel(
                try Listener.listen(on: socket, loop: loop), to: Dialer(to: address, security: security, on: loop),
                on: loop)
            let accepted = Lock(0)
            try await alongside([
                { do { try await node.run() } catch is CancellationError {} },
                {
                    await withTaskGroup(of: Void.self) { group in
                        while let stream = try? await agent.accept() {
                            accepted.withLock { $0 += 1 }
                            group.addTask {
                                while let bytes = try? await stream.read(upTo: 64 << 10), !bytes.isEmpty {
                                    try? await stream.write(bytes)
                                }
                                stream.close()
                            }
                        }
                    }
                },
            ]) {
                try await body(Rig(forwarder: forwarder, guest: guest, socket: socket, loop: loop, accepted: accepted))
                let text = try await forwarder.stop()
                let line = text.split(separator: "\n").first { $0.hasPrefix("crash point") }
                place.withLock { $0 = line.map { String($0) } }
            }
        }
        return place.withLock { $0 }
    }

    /// The agent's requests, and the forwarder's answers to refused calls.
    private static func expected(_ calls: [UInt8]) throws -> (requests: [UInt8], answers: [UInt8]) {
        var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace, permitting: .strict)
        var (requests, answers): ([UInt8], [UInt8]) = ([], [])
        for start in stride(from: 0, to: calls.count, by: 4096) {
            let chunk = calls[start..<min(start + 4096, calls.count)]
            var output: [UInt8] = []
            let verdict = try unsafe chunk.withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
            requests += verdict == .unchanged ? Array(chunk) : output
            answers += rewriter.takeAnswers()
        }
        return (requests, answers)
    }

    /// The frames of the agent, which sends requests back, and the answers of the forwarder.
    private static func parts(_ received: [UInt8]) -> (requests: [UInt8], answers: [UInt8]) {
        var decoder = FrameDecoder()
        decoder.append(received)
        var (requests, answers): ([UInt8], [UInt8]) = ([], [])
        while case .frame(let frame)? = decoder.next() {
            if frame.kind == .response { frame.encode(into: &answers) } else { frame.encode(into: &requests) }
        }
        return (requests, answers)
    }

    /// Calls that pass, calls that are rewritten and calls that are refused, with random content.
    private static func calls(_ size: Int) -> [UInt8] {
        var random = SplitMix(seed: 5)
        var bytes: [UInt8] = []
        var stream: UInt32 = 1
        while bytes.count < size {
            stream += 2
            if Int.random(in: 0..<6, using: &random) == 0 {
                bytes += Requests.frame("SetPolicy", [1, 2, 3], stream: stream)
            } else if Int.random(in: 0..<4, using: &random) == 0 {
                let padding = Int.random(in: 0...60_000, using: &random)
                bytes += Requests.frame(
                    "CreateContainer",
                    Requests.createContainer(namespaces: [Requests.namespace("network", "/x")], padding: padding))
            } else {
                let content = randomBytes(.random(in: 0...40_000, using: &random), seed: UInt64(stream))
                bytes += Requests.frame("WriteStdin", content)
            }
        }
        return bytes
    }

    @Test(
        "twenty times while bytes run both ways loses, repeats and changes no byte, and keeps the agent's connection",
        arguments: ForwarderManager.usable)
    func twentyTimes(manager: ForwarderManager) async throws {
        let calls = Self.calls(4 << 20)
        let expected = try Self.expected(calls)
        let size = expected.requests.count + expected.answers.count
        try await withForwarder(by: manager) { rig in
            let client = try await rig.connect()
            let progress = Lock(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.write(calls) }
                group.addTask {
                    for number in 1...20 {
                        try await eventually(on: rig.loop) { progress.withLock { $0 } > number * (size / 22) }
                        try await rig.forwarder.kill()
                    }
                }
                var received: [UInt8] = []
                while received.count < size {
                    let bytes = try await client.read(upTo: 256 << 10)
                    if bytes.isEmpty { break }
                    received += bytes
                    progress.withLock { [count = received.count] in $0 = count }
                }
                #expect(received.count == size)
                let parts = Self.parts(received)
                let isEqual = parts.requests == expected.requests
                #expect(isEqual, "\(parts.requests.count) of \(expected.requests.count)")
                #expect(parts.answers == expected.answers)
                try await group.waitForAll()
            }
            #expect(rig.accepted.withLock { $0 } == 1)
            #expect(try await rig.forwarder.count() == 3)
            client.shutdownWriting()
            #expect(try await client.readToEnd().isEmpty)
            var stored: Int?
            while stored != 0 { stored = try await rig.forwarder.count() }
        }
    }

    @Test("with ten idle sessions and one that has just begun, all go on")
    func idle() async throws {
        let call = Requests.frame("Check", [1, 2, 3], service: "grpc.Health")
        try await withForwarder { rig in
            var clients: [LinuxIO.Stream] = []
            for _ in 0..<10 {
                let client = try await rig.connect()
                try await client.write(call)
                #expect(try await client.readExactly(call.count) == call)
                clients.append(client)
            }
            // The agent has the first half of a call when the process is killed.
            try await clients[0].write(Array(call[..<20]))
            try await rig.forwarder.kill()
            try await clients[0].write(Array(call[20...]))
            #expect(try await clients[0].readExactly(call.count) == call)
            let late = try await rig.connect()
            for client in clients + [late] {
                try await client.write(call)
                #expect(try await client.readExactly(call.count) == call)
            }
            #expect(rig.accepted.withLock { $0 } == 11)
            #expect(try await rig.forwarder.count() == 33)
        }
    }

    /// A CopyFile whose payload has `size` bytes.
    private static func copy(_ size: Int) -> [UInt8] {
        func call(_ count: Int) -> [UInt8] {
            let content = randomBytes(count, seed: 11)
            let request = Requests.message {
                $0.string(1, "\(FileCopy.directory)/c1/file")
                $0.varint(2, UInt64(count))
                $0.varint(3, 0o100644)
                $0.bytes(8, content)
            }
            return Requests.frame("CopyFile", request, stream: 11)
        }
        let empty = call(size / 2).count - size / 2
        return call(size + FrameHeader.size - empty)
    }

    @Test("while it holds the largest calls loses no byte of them", arguments: [1 << 20, 4 << 20])
    func whileHolding(size: Int) async throws {
        let call = Self.copy(size)
        #expect(call.count == size + FrameHeader.size)
        try await withForwarder { rig in
            let client = try await rig.connect()
            for _ in 0..<3 {
                // The node's end keeps less than that, so the forwarder has acknowledged bytes of the call.
                for part in [call[..<(size - 1)], call[(size - 1)...]] {
                    try await client.write(Array(part))
                    try await rig.forwarder.kill()
                }
                let isEqual = try await client.readExactly(call.count) == call
                #expect(isEqual)
            }
            client.shutdownWriting()
            #expect(try await client.readToEnd().isEmpty)
            #expect(rig.accepted.withLock { $0 } == 1)
        }
    }

    @Test(
        "at a write of the journal while it holds a call keeps the call",
        .enabled(if: Needs.hasCrashPoints, "only a debug build can be killed at a chosen place"),
        arguments: [1 << 20, 4 << 20])
    func everyWriteWhileHolding(size: Int) async throws {
        let call = Self.copy(size)
        var places: [String] = []
        // Not a multiple of the places of one write.
        let step = Environment.all["CRASH_POINTS"] == "all" ? 1 : size >> 15 | 1
        for point in stride(from: 1, through: 1 << 16, by: step) {
            let place = try await withForwarder(crashPoint: point, countedFrom: "held bytes") { rig in
                let client = try await rig.connect()
                try await client.write(call)
                let isEqual = try await client.readExactly(call.count) == call
                #expect(isEqual)
                client.shutdownWriting()
                #expect(try await client.readToEnd().isEmpty)
                #expect(rig.accepted.withLock { $0 } <= 2)
            }
            guard let place else { break }
            places.append(place)
        }
        for place in Set(places).sorted() { print(place) }
        #expect(places.contains { $0.contains("held bytes") }, "\(places)")
    }

    @Test(
        "at each step of a session keeps the session and every byte",
        .enabled(if: Needs.hasCrashPoints, "only a debug build can be killed at a chosen place"))
    func everyPlace() async throws {
        let container = Requests.frame("CreateContainer", Requests.createContainer(namespaces: []))
        let call = Requests.frame("WriteStdin", [UInt8](repeating: 3, count: 100))
        var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace)
        var rewritten: [UInt8] = []
        _ = try unsafe container.withUnsafeBytes { try unsafe rewriter.process($0, into: &rewritten) }
        let answer = rewritten
        let refused = Requests.frame("SetPolicy", [7], stream: 9)
        let refusal = try Self.expected(refused).answers
        var places: [String] = []
        let step = Environment.all["CRASH_POINTS"] == "all" ? 1 : 4
        for point in stride(from: 1, through: 200, by: step) {
            let place = try await withForwarder(crashPoint: point) { rig in
                let client = try await rig.connect()
                for part in [call[..<30], call[30...]] { try await client.write(Array(part)) }
                #expect(try await client.readExactly(call.count) == call)
                for part in [container[..<70], container[70...]] {
                    try await client.write(Array(part))
                    try await rig.loop.sleep(for: .milliseconds(5))
                }
                #expect(try await client.readExactly(answer.count) == answer)
                try await client.write(refused)
                #expect(try await client.readExactly(refusal.count) == refusal)
                // The agent is in the middle of a frame when the refused call comes.
                try await client.write(call + refused)
                let both = Self.parts(try await client.readExactly(call.count + refusal.count))
                #expect(both.requests == call)
                #expect(both.answers == refusal)
                client.shutdownWriting()
                #expect(try await client.readToEnd().isEmpty)
                // Before the agent is stored, it may have two connections. The first one carries no byte.
                #expect(rig.accepted.withLock { $0 } <= 2)
            }
            guard let place else { break }
            places.append(place)
        }
        for place in places { print(place) }
        #expect(places.count >= 20 / step, "\(places)")
    }
}

private enum Needs {
    static let program = "\(Files.parent(of: SystemInfo.executablePath))/agent-protocol-forwarder"
    static let python: String? = ["/usr/bin/python3", "/usr/local/bin/python3"].first(where: Files.isExecutable)

    static var hasCrashPoints: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }
}
