import Glibc
import LinuxIO
import TLS
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("Hostile pod VMs")
struct HostilePeerTests {
    private let identity: SandboxIdentity

    init() throws { identity = try SandboxIdentity.make(vmName: "podvm-a") }

    @Test(
        "a VM that floods the connection with records without content loses the connection, and the log has the reason",
        arguments: [
            (HostileServer.Flood.tickets, "more than 16 session tickets"), (.keyUpdates, "changed its key"),
            (.requestedKeyUpdates, "changed its key"), (.keyUpdatesAndBytes, "changed its key"),
        ])
    func flood(_ flood: HostileServer.Flood, reason: String) async throws {
        try await onLoop { [identity] loop in
            let server = try HostileServer(identity, flood, count: 1000)
            try await alongside({ try await server.run() }) {
                defer { server.stop() }
                let stream = try await TLSStream.connect(
                    over: try await Stream.connect(to: server.address, on: loop), context: identity.clientContext(),
                    serverName: "podvm-a")
                let error = await #expect(throws: TLSError.self) { try await stream.readToEnd() }
                #expect(error?.code == .protocolViolation)
                #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
                stream.close()
            }
        }
    }

    @Test("hostile VMs do not block the node's event loop for long, and a correct VM is served meanwhile")
    func neighbours() async throws {
        try await onLoop { [identity] loop in
            let servers = try HostileServer.Flood.allCases.map { try HostileServer(identity, $0, count: $0.endless) }
            try await TestTunnel.with(on: loop) { tunnel in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    for (index, server) in servers.enumerated() {
                        group.addTask { try await server.run() }
                        group.addTask {
                            try await Self.drain(
                                server, identity, tunnel.directory.socket("hostile-\(index)"), on: loop)
                        }
                    }
                    let worst = Lock(Duration.zero)
                    group.addTask { try await Self.watch(loop, noting: worst) }
                    let client = try await tunnel.connect()
                    var round: UInt8 = 0
                    while round < 10 || !servers.allSatisfy(\.hasFlooded) {
                        try await client.write([round])
                        #expect(try await client.readExactly(1) == [round])
                        try await loop.sleep(for: .milliseconds(5))
                        round &+= 1
                    }
                    for server in servers { server.stop() }
                    // Processor time, which other processes do not add to. A debug build and a sanitizer are several times
                    // slower than a release build; a reader without a limit takes seconds.
                    #expect(worst.withLock { $0 } < .milliseconds(500))
                }
            }
        }
    }

    /// A sandbox with a hostile VM: a client connects to its tunnel again and again, and reads what comes.
    private static func drain(
        _ server: HostileServer, _ identity: SandboxIdentity, _ socket: SocketAddress, on loop: EpollLoop
    ) async throws {
        let security = ClientSecurity(context: try identity.clientContext(), serverName: "podvm-a")
        let dialer = Dialer(to: server.address, security: security, on: loop)
        let node = NodeTunnel(try Listener.listen(on: socket, loop: loop), to: dialer, on: loop)
        try await alongside({ try await node.run() }) {
            while !Task.isCancelled {
                let client = try await Stream.connect(to: socket, on: loop)
                try await client.write([1])
                _ = try? await client.readToEnd()
                client.close()
                try await loop.sleep(for: .milliseconds(10))
            }
        }
    }

    /// Notes the most processor time that the loop's thread has spent between two of its turns here.
    private static func watch(_ loop: EpollLoop, noting worst: Lock<Duration>) async throws {
        var last = processorTime()
        while true {
            try await loop.sleep(for: .milliseconds(1))
            let now = processorTime()
            worst.withLock { worst in worst = max(worst, now - last) }
            last = now
        }
    }

    private static func processorTime() -> Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
