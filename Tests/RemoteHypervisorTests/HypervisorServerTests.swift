import KataProtocol
import LinuxIO
import RemoteHypervisor
import TTRPC
import TestSupport
import Testing

@Suite("Hypervisor socket")
struct HypervisorServerTests {
    @Test("can be used only by root, in a directory that the adaptor creates")
    func permissions() async throws {
        try await TestNode.run { node in
            #expect(Files.permissions(node.socket) == 0o600)
            #expect(Files.permissions(Files.parent(of: node.socket)) == 0o755)
        }
    }

    @Test("is refused while another process answers on it, with advice")
    func inUse() async throws {
        try await TestNode.run { node in
            do throws(HypervisorSocketError) {
                _ = try HypervisorServer.listen(on: node.socket, serving: [], loop: node.loop)
                Issue.record("it was taken twice")
            } catch {
                #expect(error.path == node.socket)
                #expect(error.description.contains("another process answers"))
                #expect(error.advice.contains("-socket"))
            }
            let answer = try await node.call(Hypervisor.version, HypervisorVersion())
            #expect(answer.version == "0.0.0")
        }
    }

    @Test("replaces the file of an earlier process, and is removed when the process ends")
    func stale() async throws {
        try await onLoop { loop in
            let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/hypervisor-test-")
            defer { try? Files.removeTree(directory) }
            let (socket, other) = ("\(directory)/h.sock", "\(directory)/kept.sock")
            // A name that outlives its listener, as after kill -9.
            do {
                let dead = try Listener.listen(on: .unix(path: other), loop: loop)
                try Files.move(other, to: socket)
                dead.close()
            }
            #expect(Files.exists(socket))
            let server = try HypervisorServer.listen(on: socket, serving: [], loop: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.run() }
                group.cancelAll()
            }
            #expect(!Files.exists(socket))
        }
    }

    @Test("is refused in a directory where another user could replace the socket")
    func writableDirectory() async throws {
        try await onLoop { loop in
            let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/hypervisor-test-")
            defer { try? Files.removeTree(directory) }
            try Files.setPermissions(0o777, of: directory)
            let error = #expect(throws: HypervisorSocketError.self) {
                _ = try HypervisorServer.listen(on: "\(directory)/h.sock", serving: [], loop: loop)
            }
            #expect(error?.reason.contains("\(directory) can be written by other users") == true)
            #expect(try Files.list(directory) == [])
        }
    }

    @Test("is refused where another file exists, or where the path is too long for a socket")
    func badPaths() async throws {
        try await onLoop { loop in
            let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/hypervisor-test-")
            defer { try? Files.removeTree(directory) }
            let file = "\(directory)/file"
            try DurableFile.write([1], to: file)
            for path in [file, "\(file)/h.sock", directory + "/" + String(repeating: "x", count: 200)] {
                do throws(HypervisorSocketError) {
                    _ = try HypervisorServer.listen(on: path, serving: [], loop: loop)
                    Issue.record("\(path) was taken")
                } catch {
                    #expect(error.path == path && !error.reason.isEmpty && !error.advice.isEmpty)
                }
            }
            #expect(try DurableFile.read(file, limit: 10) == [1])
        }
    }

    @Test("still serves calls after garbage, half a frame and an oversized frame, and beside a thousand idle clients")
    func hostile() async throws {
        var limits = ServerLimits.standard
        limits.frameTime = .milliseconds(200)
        SystemInfo.raiseDescriptorLimit()
        try await TestNode.run(limits: limits) { node in
            let garbage = try await node.connect()
            try await garbage.write([UInt8]("GET /healthz HTTP/1.1\r\n\r\n".utf8))
            let half = try await node.connect()
            try await half.write(Array(wire(Hypervisor.startVM, .of("s1")).dropLast()))
            let oversized = try await node.connect()
            try await oversized.write([0, 0x40, 0, 1, 0, 0, 0, 1, 1, 0])
            var idle: [Stream] = []
            for _ in 0..<1000 { idle.append(try await node.connect()) }
            _ = try await node.call(Hypervisor.createVM, .plain(), timeout: .seconds(10))
            _ = try await node.call(Hypervisor.startVM, .of("s1"), timeout: .seconds(10))
            // A client that does not finish its frame is disconnected.
            #expect(try await half.read(upTo: 1) == [])
            #expect(try await garbage.read(upTo: 1) == [])
            #expect(try await node.status(of: Hypervisor.stopVM, .of("s1"), timeout: .seconds(1)).code == .ok)
            for stream in idle { stream.close() }
        }
    }
}
