import KataProtocol
import LinuxIO
import ShimRig
import TTRPC
import Testing

@testable import FakeAgent

@Suite struct CopyFileTests {
    private static let guest = "/run/kata-containers/shared/containers"

    private func request(
        _ path: String, _ text: String, at offset: Int64 = 0, of size: Int64? = nil, mode: UInt32 = 0o100640
    ) -> CopyFileRequest {
        .with {
            $0.path = path.hasPrefix("+") ? Self.guest + path.dropFirst() : path
            $0.fileSize = size ?? Int64(text.utf8.count)
            ($0.fileMode, $0.directoryMode, $0.offset) = (mode, 0x8000_0000 | 0o750, offset)
            ($0.uid, $0.gid) = (-1, -1)
            $0.data = Array(text.utf8)
        }
    }

    private func content(_ path: String) throws -> String {
        String(decoding: try DurableFile.read(path, limit: 1 << 20), as: UTF8.self)
    }

    @Test("assembles a file from its pieces, and shows only the complete file")
    func pieces() async throws {
        try await AgentFixture.run { agent in
            let path = agent.shared + "/app/config"
            _ = try await agent.call(AgentService.copyFile, request("+/app/config", "hello ", of: 11))
            #expect(!Files.exists(path))
            _ = try await agent.call(AgentService.copyFile, request("+/app/config", "world", at: 6, of: 11))
            #expect(try content(path) == "hello world")
            #expect(Files.permissions(path) == 0o640)
            #expect(Files.permissions(agent.shared + "/app") == 0o750)
            _ = try await agent.call(AgentService.copyFile, request("+/app/config", "new"))
            #expect(try content(path) == "new")
            _ = try await agent.call(AgentService.copyFile, request("+/app/empty", ""))
            #expect(try content(agent.shared + "/app/empty").isEmpty)
        }
    }

    @Test(
        "refuses paths outside the shared directory",
        arguments: [
            "", "/", ".", "../x", "x", "/etc/x", "+", "+/", "+/..", "+/a/../../x", "+/a/..", "+/../containers/x",
            "+/a\0b",
            "/run/kata-containers/agent.sock", "/run/kata-containers/shared/containersx/y",
        ])
    func escapes(path: String) async throws {
        try await AgentFixture.run { agent in
            for mode: UInt32 in [0o100644, 0o040755, 0o120777] {
                let failure = await agent.failure(of: AgentService.copyFile, request(path, "x", mode: mode))
                #expect(failure?.code == .invalidArgument)
            }
            let made = try Files.list(agent.tree)
            #expect(made.isEmpty)
        }
    }

    @Test(
        "refuses pieces outside their file",
        arguments: [(Int64.max, Int64.max), (-1, 5), (.min, 5), (4, 4), (0, 0), (0, -1), (.max - 1, .max - 1)])
    func outside(offset: Int64, size: Int64) async throws {
        try await AgentFixture.run { agent in
            let failure = await agent.failure(of: AgentService.copyFile, request("+/x", "x", at: offset, of: size))
            #expect(failure?.code == .invalidArgument)
        }
    }

    @Test("copies a ConfigMap's links and files as kubelet created them, and updates all its files at once")
    func configMap() async throws {
        try await AgentFixture.run { agent in
            let files = ["a.conf": "one", "b.conf": "two"]
            var volume = try KubeletVolume(at: agent.tree + "/../node", files, mode: 0o440)
            func copy() async throws {
                for copy in try ShimContainer.copies(of: volume.directory, to: Self.guest + "/c1-01-etc") {
                    _ = try await agent.call(AgentService.copyFile, copy)
                }
            }
            try await copy()
            let copied = agent.shared + "/c1-01-etc"
            #expect(try Files.list(copied) == Files.list(volume.directory))
            #expect(try Files.target(ofLink: copied + "/..data") == "..2026_11_29_18_00_00.1")
            #expect(try Files.target(ofLink: copied + "/a.conf") == "..data/a.conf")
            #expect(try content(copied + "/a.conf") == "one")
            #expect(Files.permissions(copied + "/b.conf") == 0o440)
            try volume.write(["a.conf": "three"])
            try await copy()
            #expect(try content(copied + "/a.conf") == "three")
            #expect(Files.permissions(copied) == 0o1777)
        }
    }

    @Test("does not write through a link, and replaces a link that has a file's name")
    func links() async throws {
        try await AgentFixture.run { agent in
            let outside = agent.tree + "/../outside"
            try Files.makeDirectories(outside)
            for (name, target) in [("up", outside), ("relative", "../../../outside"), ("dangling", outside + "/made")] {
                _ = try await agent.call(AgentService.copyFile, request("+/v/\(name)", target, mode: 0o120777))
                #expect(try Files.target(ofLink: agent.shared + "/v/" + name) == target)
                for mode: UInt32 in [0o100644, 0o040755, 0o120777] {
                    let through = await agent.failure(
                        of: AgentService.copyFile, request("+/v/\(name)/x", "x", mode: mode))
                    #expect(through?.code == .invalidArgument)
                }
                // A container can create a link at the path where a file is assembled.
                try Files.link(outside + "/made", at: agent.shared + "/v/\(name).part")
                _ = await agent.failure(of: AgentService.copyFile, request("+/v/\(name)", "x"))
                try Files.removeTree(agent.shared + "/v/\(name).part")
                _ = try await agent.call(AgentService.copyFile, request("+/v/\(name)", "file"))
                #expect(try content(agent.shared + "/v/" + name) == "file")
                _ = try await agent.call(AgentService.copyFile, request("+/v/\(name)", target, mode: 0o120777))
                _ = try await agent.call(AgentService.copyFile, request("+/v/\(name)", "", mode: 0o040700))
                #expect(Files.isDirectory(agent.shared + "/v/" + name) && !Files.isLink(agent.shared + "/v/" + name))
            }
            try Files.link(outside, at: agent.tree + "/linked")
            #expect(try Files.list(outside).isEmpty)
        }
    }

    @Test("refuses links to nothing, and devices")
    func impossible() async throws {
        try await AgentFixture.run { agent in
            for target in ["", "a\0b", String(repeating: "x", count: 4096)] {
                let link = request("+/link", target, mode: 0o120777)
                #expect(await agent.failure(of: AgentService.copyFile, link)?.code == .invalidArgument)
            }
            for mode: UInt32 in [0o020666, 0o060666, 0o010644, 0o140644] {
                let device = await agent.failure(of: AgentService.copyFile, request("+/device", "x", mode: mode))
                #expect(device?.code == .unimplemented)
            }
        }
    }

    @Test("does not block on a pipe in place of a file")
    func pipe() async throws {
        try await AgentFixture.run { agent in
            _ = try await agent.call(AgentService.copyFile, request("+/v", "", mode: 0o040700))
            try await agent.start(["mkfifo", agent.shared + "/v/x.part"])
            #expect(try await agent.wait() == 0)
            #expect(await agent.failure(of: AgentService.copyFile, request("+/v/x", "x"))?.code == .internal)
        }
    }
}
