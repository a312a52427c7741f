import ImageRig
import KataProtocol
import LinuxIO
import NetworkRig
import ShimRig
import TTRPC
import TestSupport
import Testing

@testable import FakeAgent

@Suite("References to images")
struct ContainerImageReferenceTests {
    @Test(
        "keep their name, lose a tag beside a digest, and name their registry",
        arguments: [
            ("nginx", "nginx", "docker.io"), ("library/nginx:1", "library/nginx:1", "docker.io"),
            ("r.io/a/b:v1", "r.io/a/b:v1", "r.io"), ("127.0.0.1:5000/a:1", "127.0.0.1:5000/a:1", "127.0.0.1:5000"),
            ("r.io:5000/a:v1@sha256:00ff", "r.io:5000/a@sha256:00ff", "r.io:5000"),
            ("r.io:5000/a@sha256:00ff", "r.io:5000/a@sha256:00ff", "r.io:5000"),
        ])
    func valid(text: String, reference: String, registry: String) throws {
        let found = try ContainerImageReference(text)
        #expect(found.description == reference && found.registry == registry)
    }

    @Test(
        "that could be an option, a path or several words are refused",
        arguments: [
            "", "-a", "/a", "a b", "a\n", "a@b@c", "@sha256:00", "a,b", "a\u{0}", String(repeating: "a", count: 513),
        ])
    func invalid(text: String) { #expect(throws: Status.self) { try ContainerImageReference(text) } }

    @Test("with a loopback address are on this machine, and no others")
    func local() throws {
        for text in ["localhost/a", "localhost:5000/a", "127.0.0.1:1/a", "127.9.9.9/a", "[::1]:5000/a"] {
            #expect(try ContainerImageReference(text).isLocal, "\(text)")
        }
        for text in ["localhost.example.com/a", "r.io/127.0.0.1", "128.0.0.1/a", "nginx"] {
            #expect(try !ContainerImageReference(text).isLocal, "\(text)")
        }
    }
}

/// What runs the containers of a test.
enum ImageRuntime: String, CaseIterable, Sendable {
    case crun, none

    static let installed: [ImageRuntime] = ImageTools.find()?.crun == nil ? [.none] : [.crun, .none]
}

@Suite(
    "Containers with images",
    .enabled(if: ImageRegistry.isInstalled, Comment(rawValue: ImageRegistry.need)),
    .enabled(if: canMakeNamespaces, "needs SYS_ADMIN, to make mount namespaces"))
struct ImageTests {
    /// Runs `body` with an agent that pulls images, and a registry.
    private static func run(
        _ runtime: ImageRuntime, hasUsers: Bool = false, authorization: String? = nil,
        _ body: @escaping @Sendable (AgentFixture, ImageRegistry) async throws -> Void
    ) async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/images-")
        defer { try? Files.removeTree(directory) }
        let authorizationFile = directory + "/auth.json"
        let tools = try #require(ImageTools.find(usesRuntime: runtime == .crun))
        try await AgentFixture.run(
            images: (tools, ImageStore.Options(authorizationFile: authorizationFile))
        ) { agent in
            try await ImageRegistry.run(hasUsers: hasUsers, in: directory + "/registry", on: agent.loop) { registry in
                try await body(agent, registry)
            }
        }
    }

    private func container(_ id: String, _ image: String) -> ShimContainer {
        var container = ShimContainer(id, of: "pod")
        container.image = image
        return container
    }

    @Test(
        "run in its files, by tag and by digest, with its variables, its directory and its command",
        arguments: ImageRuntime.installed)
    func files(runtime: ImageRuntime) async throws {
        try await Self.run(runtime) { agent, registry in
            let digest = try await registry.push("shop/web:1")
            try await agent.createSandbox("pod")
            let byTag = container("tag", "\(registry.address)/shop/web:1")
            #expect(
                try await agent.output(
                    of: "cat /etc/motd; pwd; echo $COLOR; ls /; test -e /usr || echo gone", in: byTag)
                    == "in the image\n/work\nblue\nbin\ndev\netc\nproc\n\(runtime == .crun ? "sys" : "sys")\nwork\ngone\n"
            )
            let byDigest = container("digest", "\(registry.address)/shop/web:9@\(digest)")
            #expect(try await agent.output(of: "cat /etc/motd", in: byDigest) == "in the image\n")
            // Without arguments, the image's own command runs.
            let plain = container("plain", "\(registry.address)/shop/web@\(digest)")
            _ = try await agent.call(AgentService.createContainer, plain.request(running: []))
            _ = try await agent.call(AgentService.startContainer, .with { $0.containerID = "plain" })
            var output: [UInt8] = []
            while let more = try await agent.read(exec: "plain", id: "plain") { output += more }
            #expect(String(decoding: output, as: UTF8.self) == "blue\n/work\n")
            for id in ["tag", "digest", "plain"] {
                _ = try await agent.call(AgentService.removeContainer, .with { $0.containerID = id })
                #expect(!Files.exists("\(agent.tree)/\(id)"))
            }
        }
    }

    @Test(
        "have their volumes, a process of ExecProcess, exit status and signals, as without an image",
        arguments: ImageRuntime.installed)
    func volumes(runtime: ImageRuntime) async throws {
        try await Self.run(runtime) { agent, registry in
            try await registry.push("shop/web:1")
            let config = try KubeletVolume(at: agent.tree + "/../node/config", ["app.conf": "color=green"])
            try await agent.createSandbox("pod")
            var web = container("web", "\(registry.address)/shop/web:1")
            try web.mount(config.directory, at: "/etc/app", readOnly: true)
            web.mount(emptyDir: "scratch", at: "/scratch", inMemory: true)
            try await agent.start(
                web,
                running:
                    "trap 'exit 7' TERM; echo kept > /scratch/x; cat /etc/app/app.conf; while true; do sleep 1; done")
            #expect(try await agent.read(exec: "web", id: "web") == Array("color=green".utf8))
            _ = try await agent.call(
                AgentService.execProcess,
                .with {
                    ($0.containerID, $0.execID) = ("web", "more")
                    $0.process = .with {
                        $0.arguments = ["cat", "/scratch/x", "/etc/motd"]
                        $0.environment = ["PATH=/bin"]
                        $0.workingDirectory = "/"
                    }
                })
            var output: [UInt8] = []
            while let more = try await agent.read(exec: "more", id: "web") { output += more }
            #expect(String(decoding: output, as: UTF8.self) == "kept\nin the image\n")
            #expect(try await agent.wait("more", id: "web") == 0)
            _ = try await agent.call(
                AgentService.signalProcess,
                .with {
                    $0.containerID = "web"
                    $0.signal = 15
                })
            #expect(try await agent.wait("web", id: "web") == 7)
        }
    }

    @Test("are pulled with the credentials of auth.json, and not without them")
    func credentials() async throws {
        try await Self.run(.none, hasUsers: true) { agent, registry in
            try await registry.push("private/web:1")
            try await agent.createSandbox("pod")
            let web = container("web", "\(registry.address)/private/web:1")
            let file = registry.directory + "/../auth.json"
            func refusal() async throws -> String {
                let status = await agent.failure(of: AgentService.createContainer, web.request(running: ["cat"]))
                return try #require(status).message
            }
            let without = try await refusal()
            #expect(
                without.contains("\(registry.address)/private/web:1") && without.contains("authentication required"),
                "\(without)")
            try DurableFile.write(Array(registry.authorization(ImageRegistry.user, "wrong").utf8), to: file)
            let wrong = try await refusal()
            #expect(wrong.contains("cannot be pulled") && !wrong.contains("wrong"), "\(wrong)")
            try DurableFile.write(
                Array(registry.authorization(ImageRegistry.user, ImageRegistry.password).utf8), to: file)
            #expect(try await agent.output(of: "cat /etc/motd", in: web) == "in the image\n")
        }
    }

    @Test("that do not exist are an error with the image and the registry's words, and leave nothing behind")
    func missing() async throws {
        try await Self.run(.none) { agent, registry in
            try await registry.push("shop/web:1")
            try await agent.createSandbox("pod")
            let zeros = String(repeating: "0", count: 64)
            for (image, words) in [
                ("\(registry.address)/shop/web@sha256:\(zeros)", "manifest unknown"),
                ("\(registry.address)/shop/web:2", "manifest unknown"),
                ("\(registry.address)/other:1", "manifest unknown"),
                ("127.0.0.1:1/web:1", "connection refused"),
                ("\(registry.address)/shop/web@sha256:12", "reference"),
            ] {
                let request = container("web", image).request(running: ["cat"])
                let message = try #require(await agent.failure(of: AgentService.createContainer, request)).message
                #expect(message.contains(image) && message.contains(words), "\(message)")
                #expect(!Files.exists(agent.tree + "/web"))
            }
            for id in ["..", "a/b", "shared", "images"] {
                let request = container(id, "\(registry.address)/shop/web:1").request(running: ["cat"])
                #expect(
                    await agent.failure(of: AgentService.createContainer, request)?.code == .invalidArgument, "\(id)")
            }
        }
    }

    @Test(
        "whose layers name paths outside, or go through absolute links, change nothing outside of their files",
        arguments: ImageRuntime.installed)
    func hostile(runtime: ImageRuntime) async throws {
        try await Self.run(runtime) { agent, registry in
            let outside = agent.tree + "/../outside"
            try Files.makeDirectories(outside)
            try DurableFile.write(Array("secret of the machine\n".utf8), to: outside + "/secret")
            let target = try Files.resolve(outside)
            var layer = TarFile()
            layer.file("../../../../../../../..\(target)/climbed", Array("evil".utf8))
            layer.file("\(target)/absolute", Array("evil".utf8))
            layer.link("out", to: target)
            layer.file("out/through", Array("evil".utf8))
            layer.link("up", to: "../../../../../../../..\(target)")
            layer.file("up/through", Array("evil".utf8))
            try await registry.push("bad:1", [layer])
            try await agent.createSandbox("pod")
            let bad = container("bad", "\(registry.address)/bad:1")
            let seen = try await agent.output(
                of: "cat /out/secret || echo safe; echo evil > /out/written; cat /up/secret || echo safe", in: bad)
            #expect(!seen.contains("secret of the machine") && seen.contains("safe"), "\(seen)")
            #expect(try Files.list(outside) == ["secret"])

            var hard = TarFile()
            hard.hardLink("stolen", to: "../../../../../../../..\(target)/secret")
            try await registry.push("hard:1", [hard])
            let request = container("hard", "\(registry.address)/hard:1").request(running: ["cat", "/stolen"])
            let refusal = try #require(await agent.failure(of: AgentService.createContainer, request))
            #expect(refusal.message.contains("cannot be unpacked"), "\(refusal)")

            var proc = TarFile()
            proc.link("proc", to: target)
            try await registry.push("proc:1", [proc])
            let linked = container("linked", "\(registry.address)/proc:1")
            _ = try? await agent.output(of: "echo evil > /proc/written", in: linked)
            #expect(try Files.list(outside) == ["secret"])
        }
    }
}
