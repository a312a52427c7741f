import AgentTunnel
import Doubles
import ForwarderRig
import LinuxIO
import NetworkRig
import TestSupport
import Testing

@Suite("The process")
struct ForwarderProcessTests {
    /// The program, which the build puts beside the tests.
    private static let program = "\(Files.parent(of: SystemInfo.executablePath))/agent-protocol-forwarder"

    @Test(
        "tells the service manager when it is ready and when it stops, and ends with status 0 after a signal",
        .enabled(if: Files.isExecutable(program), "agent-protocol-forwarder is not built"))
    func lifetime() async throws {
        let guest = try Guest()
        try guest.write(SandboxIdentity.make(vmName: Guest.vmName))
        let path = guest.path
        try await onLoop { loop in
            let manager = try ServiceManager.listen(at: "@\(path)/notify", on: loop)
            var options = ChildProcess.Options(
                executable: Self.program, arguments: ["-config", "\(path)/apf.json", "-listen", "127.0.0.1:0"])
            options.environment = ["NOTIFY_SOCKET": "@\(path)/notify"]
            options.error = .null
            let child = try ChildProcess.start(options, on: loop)
            #expect(String(decoding: try await manager.read(upTo: 100), as: UTF8.self) == "READY=1")
            for thread in try ThreadStatus.all(of: child.pid) {
                #expect(thread.isFiltered && !thread.mayGainRights)
                // No pod network, so there is nothing to enter.
                if canMakeNamespaces { #expect(thread.capabilities == 0) }
            }
            let limits = try DurableFile.read("/proc/\(child.pid)/limits", limit: 1 << 16)
            #expect(
                String(decoding: limits, as: UTF8.self).split(separator: "\n").contains {
                    $0.split(whereSeparator: { $0 == " " }) == ["Max", "core", "file", "size", "0", "0", "bytes"]
                })
            child.signal(Signals.terminate)
            #expect(String(decoding: try await manager.read(upTo: 100), as: UTF8.self) == "STOPPING=1")
            #expect(try await child.wait() == .exited(0))
        }
        withExtendedLifetime(guest) {}
    }

    @Test(
        "many unknown clients with long hello messages use little memory, and the process frees it afterwards",
        .enabled(if: Files.isExecutable(program), "agent-protocol-forwarder is not built"),
        .disabled(if: hasThreadSanitizer, "ThreadSanitizer keeps memory that was freed"),
        arguments: [131_000, 24_000])
    func strangers(helloSize: Int) async throws {
        let guest = try Guest()
        try guest.write(SandboxIdentity.make(vmName: Guest.vmName))
        let path = guest.path
        try await onLoop { loop in
            // A port that was free a moment ago.
            let free = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let address = free.address
            free.close()
            let manager = try ServiceManager.listen(at: "@\(path)/notify", on: loop)
            var options = ChildProcess.Options(
                executable: Self.program, arguments: ["-config", "\(path)/apf.json", "-listen", "\(address)"])
            options.environment = ["NOTIFY_SOCKET": "@\(path)/notify"]
            options.error = .null
            let child = try ChildProcess.start(options, on: loop)
            _ = try await manager.read(upTo: 100)
            // The first connection has OpenSSL load what it needs.
            try await Self.sayHello(of: 512, to: address, on: loop).close()
            try await loop.sleep(for: .milliseconds(200))
            let before = try #require(SystemInfo.residentBytes(of: child.pid))
            var crowd: [LinuxIO.Stream] = []
            var peak = before
            for number in 0..<500 {
                crowd.append(try await Self.sayHello(of: helloSize, to: address, on: loop))
                if number % 10 == 9 { peak = max(peak, SystemInfo.residentBytes(of: child.pid) ?? 0) }
            }
            // 100 MiB for the longer ones before they were limited.
            #expect(peak - before < 64 << 20, "\((peak - before) >> 20) MiB")
            for stranger in crowd { stranger.close() }
            while SystemInfo.residentBytes(of: child.pid) ?? 0 > before + 8 << 20 {
                try await loop.sleep(for: .milliseconds(20))
            }
            child.signal(Signals.terminate)
            _ = try await child.wait()
        }
        withExtendedLifetime(guest) {}
    }

    /// Connects and sends all but the last byte of a ClientHello that says it has `size` bytes.
    private static func sayHello(
        of size: Int, to address: SocketAddress, on loop: EpollLoop
    ) async throws -> LinuxIO.Stream {
        let stream = try await LinuxIO.Stream.connect(to: address, on: loop)
        let header = [1, UInt8(size >> 16), UInt8(size >> 8 & 0xFF), UInt8(size & 0xFF), 3, 3]
        let hello = header + [UInt8](repeating: 0, count: size - 3)
        var wire: [UInt8] = []
        for start in stride(from: 0, to: hello.count, by: 16_384) {
            let content = hello[start..<min(start + 16_384, hello.count)]
            wire += [22, 3, 1, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
        }
        // It may be refused before all is sent.
        try? await stream.write(wire.dropLast())
        return stream
    }
}
