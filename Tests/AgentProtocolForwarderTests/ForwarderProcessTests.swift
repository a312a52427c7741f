import AgentTunnel
import Doubles
import LinuxIO
import NetworkRig
import Testing

@Suite("The process")
struct ForwarderProcessTests {
    /// The program, which the build puts beside the tests.
    private static let program = "\(Files.parent(of: SystemInfo.executablePath))/agent-protocol-forwarder"

    @Test(
        "tells the service manager when it is ready and when it stops, and ends with 0 at a signal",
        .enabled(if: Files.isExecutable(program), "agent-protocol-forwarder is not built"))
    func lifetime() throws {
        let guest = try Guest()
        try guest.write(SandboxIdentity.make(vmName: Guest.vmName))
        let path = guest.path
        try onLoop { loop in
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
}
