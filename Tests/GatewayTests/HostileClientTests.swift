import Glibc
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import Gateway

@Suite("The gateway's hostile clients")
struct HostileClientTests {
    @Test("cannot stop it with garbage, with oversized frames, or by hanging up", arguments: [true, false])
    func garbage(isControl: Bool) async throws {
        try await Rig.run { rig in
            _ = try await TestAdaptor("a", in: rig) { _, _ in [1] }
            let path = isControl ? rig.options.controlSocket : rig.options.hypervisorSocket
            var random = SystemRandomNumberGenerator()
            let oversized: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 1, 0]
            let garbage = (0..<64).map { _ in (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) } }
            for bytes in garbage + [oversized, Array(oversized.prefix(5)), []] {
                let stream = try await LinuxIO.Stream.connect(to: .unix(path: path), on: rig.loop)
                try? await stream.write(bytes)
                stream.close()
            }
            #expect(try await rig.shim { try await $0.call("s", "m", []) } == [1])
            #expect(try await rig.status.version == 1)
        }
    }

    @Test(
        "cannot use the control socket as another user, even if the socket's mode lets it connect",
        .enabled(if: geteuid() == 0, "needs root, to become another user"),
        .enabled(if: Files.isExecutable("/usr/bin/setpriv") && Files.isExecutable("/usr/bin/perl"), "needs perl"),
        arguments: [true, false])
    func otherUser(isPermitted: Bool) async throws {
        try await Rig.run { rig in
            let path = rig.options.controlSocket
            try Files.setPermissions(0o755, of: rig.directory.path)
            if isPermitted { try Files.setPermissions(0o666, of: path) }
            let client = """
                socket(S, PF_UNIX, SOCK_STREAM, 0) or die; alarm 10;
                connect(S, sockaddr_un($ARGV[0])) or do { print "refused"; exit };
                print defined(sysread(S, $b, 1)) && length($b) == 0 ? "closed" : "answered";
                """
            var options = ChildProcess.Options(
                executable: "/usr/bin/setpriv",
                arguments: [
                    "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/perl", "-MSocket", "-e", client, path,
                ])
            options.output = .pipe
            let child = try ChildProcess.start(options, on: rig.loop)
            var bytes: [UInt8] = []
            while let more = try await child.output?.read(upTo: 100), !more.isEmpty { bytes += more }
            #expect(try await child.wait() == .exited(0))
            #expect(String(decoding: bytes, as: UTF8.self) == (isPermitted ? "closed" : "refused"))
            #expect(try await rig.status.version == 1)
        }
    }

    @Test("cannot hold more connections to the control socket than its limit, and it serves again afterwards")
    func connections() async throws {
        try await Rig.run { rig in
            var streams: [LinuxIO.Stream] = []
            for _ in 0..<1000 {
                streams.append(
                    try await LinuxIO.Stream.connect(to: .unix(path: rig.options.controlSocket), on: rig.loop))
            }
            // Those over the limit are closed.
            #expect(try await streams[999].read(upTo: 1).isEmpty)
            for stream in streams { stream.close() }
            try await eventually(on: rig.loop) { (try? await rig.status.version) == 1 }
        }
    }

    @Test("cannot keep shims from the hypervisor socket with 1,000 connections")
    func shims() async throws {
        try await Rig.run { rig in
            _ = try await TestAdaptor("a", in: rig) { _, _ in [1] }
            var streams: [LinuxIO.Stream] = []
            for _ in 0..<1000 {
                streams.append(
                    try await LinuxIO.Stream.connect(to: .unix(path: rig.options.hypervisorSocket), on: rig.loop))
            }
            #expect(try await rig.shim { try await $0.call("s", "m", []) } == [1])
            for stream in streams { stream.close() }
        }
    }
}
