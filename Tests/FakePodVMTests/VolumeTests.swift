import KataProtocol
import LinuxIO
import NetworkRig
import ShimRig
import TTRPC
import TestSupport
import Testing

@testable import FakeAgent

extension AgentFixture {
    /// Copies a container's files, creates it and starts it, as the shim does.
    func start(_ container: ShimContainer, running script: String) async throws {
        for copy in container.copies { _ = try await call(AgentService.copyFile, copy) }
        _ = try await call(AgentService.createContainer, container.request(running: ["sh", "-c", script]))
        _ = try await call(AgentService.startContainer, .with { $0.containerID = container.id })
    }

    /// Runs a script in a container to its end; returns the output.
    func output(of script: String, in container: ShimContainer) async throws -> String {
        try await start(container, running: "exec 2>&1; " + script)
        var output: [UInt8] = []
        while let more = try await read(exec: container.id, id: container.id) { output += more }
        _ = try await wait(container.id, id: container.id)
        return String(decoding: output, as: UTF8.self)
    }

    func createSandbox(_ id: String) async throws {
        _ = try await call(
            AgentService.createSandbox,
            .with {
                $0.sandboxID = id
                $0.storages = ShimContainer.sandboxStorages
            })
    }
}

@Suite("Volumes", .enabled(if: canMakeNamespaces, "needs SYS_ADMIN, to make mount namespaces"))
struct VolumeTests {
    @Test(
        "a pod reads its ConfigMap, Secret, token, subPath and hosts at its mount points, and the machine has none of them"
    )
    func kubernetesPod() async throws {
        try await AgentFixture.run { agent in
            let node = agent.tree + "/../node"
            let config = try KubeletVolume(at: node + "/config", ["app.conf": "color=blue"])
            let secret = try KubeletVolume(at: node + "/secret", ["password": "hunter2"], mode: 0o400)
            let token = try KubeletVolume(
                at: node + "/token", ["token": "ey.J.x", "ca.crt": "PEM", "namespace": "shop"])
            for (name, text) in [("hosts", "10.0.0.9 web\n"), ("log", ""), ("sub", "one file\n")] {
                try Files.write(text.utf8, to: "\(node)/\(name)", at: 0, mode: 0o644)
            }
            try await agent.createSandbox("pod")
            var web = ShimContainer("web", of: "pod")
            try web.mount(config.directory, at: "/fake-pod-vm-test/config", readOnly: true)
            try web.mount(secret.directory, at: "/usr/share/fake-pod-vm-test/secret", readOnly: true)
            try web.mount(token.directory, at: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true)
            try web.mount(node + "/sub", at: "/etc/fake-pod-vm-test.d/one.conf")
            try web.mount(node + "/hosts", at: "/etc/hosts")
            try web.mount(node + "/log", at: "/dev/termination-log")
            let seen = try await agent.output(
                of: """
                    cat /fake-pod-vm-test/config/app.conf; echo
                    readlink /fake-pod-vm-test/config/app.conf
                    cat /usr/share/fake-pod-vm-test/secret/password; echo
                    cat /var/run/secrets/kubernetes.io/serviceaccount/token; echo
                    ls /run/secrets/kubernetes.io/serviceaccount
                    cat /etc/fake-pod-vm-test.d/one.conf /etc/hosts
                    echo written >> /fake-pod-vm-test/config/app.conf || echo refused
                    echo done > /dev/termination-log && cat /dev/termination-log
                    echo away > /dev/null; head -c 2 /dev/zero | wc -c
                    test -d /proc/self && grep -c root /etc/passwd
                    stat -f -c %T /dev/shm
                    """, in: web)
            let lines = seen.split(separator: "\n").map(String.init)
            #expect(
                lines.prefix(9) == [
                    "color=blue", "..data/app.conf", "hunter2", "ey.J.x", "ca.crt", "namespace", "token", "one file",
                    "10.0.0.9 web",
                ], "\(seen)")
            #expect(lines.dropFirst(9).first?.contains("Read-only file system") == true, "\(seen)")
            #expect(lines.suffix(5) == ["refused", "done", "2", "1", "tmpfs"], "\(seen)")
            for path in [
                "/fake-pod-vm-test", "/usr/share/fake-pod-vm-test", "/etc/fake-pod-vm-test.d", "/dev/termination-log",
            ] {
                #expect(!Files.exists(path), "\(path) on the machine")
            }
            let mounts = try DurableFile.read("/proc/self/mountinfo", limit: 4 << 20)
            #expect(!String(decoding: mounts, as: UTF8.self).contains(agent.tree))
        }
    }

    @Test(
        "all containers of a pod share an emptyDir, which stays when one of them is recreated",
        arguments: [false, true])
    func emptyDir(inMemory: Bool) async throws {
        try await AgentFixture.run { agent in
            try await agent.createSandbox("pod")
            func container(_ id: String) -> ShimContainer {
                var container = ShimContainer(id, of: "pod")
                container.mount(emptyDir: "scratch", at: "/scratch-of-\(id)", inMemory: inMemory, group: 4242)
                return container
            }
            let first = try await agent.output(
                of: "stat -c '%a %g' /scratch-of-a; echo kept > /scratch-of-a/x; stat -f -c %T /scratch-of-a",
                in: container("a"))
            #expect(first.hasPrefix(inMemory ? "3777 4242\n" : "2777 4242\n"))
            #expect(first.hasSuffix("tmpfs\n") || !inMemory, "\(first)")
            let second = try await agent.output(
                of: "cat /scratch-of-b/x; stat -c %g /scratch-of-b/x", in: container("b"))
            #expect(second == "kept\n4242\n")
            _ = try await agent.call(AgentService.removeContainer, .with { $0.containerID = "a" })
            #expect(try await agent.output(of: "cat /scratch-of-a/x", in: container("a")) == "kept\n")
            let path = container("c").storages[0].mountPoint
            let usage = try await agent.call(AgentService.getVolumeStats, .with { $0.path = path }).usage
            #expect(usage.count == 2 && usage[0].total > 0)
        }
    }

    @Test("a further process in a container sees the same files, on a terminal too")
    func exec() async throws {
        try await AgentFixture.run { agent in
            try await agent.createSandbox("pod")
            var container = ShimContainer("web", of: "pod")
            container.mount(emptyDir: "data", at: "/fake-data", inMemory: true)
            container.mount(emptyDir: "inner", at: "/fake-data/in/ner", inMemory: false)
            try await agent.start(container, running: "echo here > /fake-data/in/ner/x; echo up; exec sleep 1000")
            #expect(try await agent.read(exec: "web", id: "web") == Array("up\n".utf8))
            let exec = ExecProcessRequest.with {
                ($0.containerID, $0.execID) = ("web", "e1")
                $0.process = .with {
                    $0.arguments = ["sh", "-c", "tty; cat x"]
                    ($0.workingDirectory, $0.terminal) = ("/fake-data/in/ner", true)
                }
            }
            _ = try await agent.call(AgentService.execProcess, exec)
            var output: [UInt8] = []
            while let more = try await agent.read(exec: "e1", id: "web") { output += more }
            let text = String(decoding: output, as: UTF8.self)
            #expect(text.hasPrefix("/dev/pts/") && text.hasSuffix("here\r\n"), "\(text)")
        }
    }

    @Test("a later mount covers an earlier one at the same path")
    func order() async throws {
        try await AgentFixture.run { agent in
            try await agent.createSandbox("pod")
            var container = ShimContainer("web", of: "pod")
            container.mount(emptyDir: "tmp", at: "/tmp", inMemory: true)
            // Its source is below /tmp, where the machine's files are hidden by now.
            let file = agent.tree + "/../file"
            try Files.write("late\n".utf8, to: file, at: 0, mode: 0o644)
            try container.mount(file, at: "/tmp/a/file")
            #expect(try await agent.output(of: "cat /tmp/a/file; ls /tmp", in: container) == "late\na\n")
        }
    }

    @Test(
        "refuses invalid mounts, and names them",
        arguments: [
            ("/", "/etc"), ("/a/../b", "/etc"), ("relative", "/etc"), ("/x", "/no/such"), ("/etc/passwd/x", "/etc"),
            ("/x\0y", "/etc"), ("/x", "/run/kata-containers/../../etc"),
        ])
    func impossible(destination: String, source: String) async throws {
        try await AgentFixture.run { agent in
            var request = agent.create(["true"])
            request.oci?.mounts = [
                .with { ($0.destination, $0.type, $0.source, $0.options) = (destination, "bind", source, ["rbind"]) }
            ]
            let failure = await agent.failure(of: AgentService.createContainer, request)
            #expect(
                failure?.code == .invalidArgument || failure?.message.contains(source) == true
                    || failure?.message.contains(destination) == true, "\(failure as Any)")
            try await agent.start(["true"])
            #expect(try await agent.wait() == 0)
        }
    }

    @Test(
        "refuses volumes outside the guest's directory",
        arguments: [
            ("local", "/etc/x", ["mode=0777"]), ("ephemeral", "/run/kata-containers/../x", []),
            ("local", "/run/kata-containers/sandbox/x", ["mode=99"]),
            ("local", "/run/kata-containers/sandbox/x", ["fsgid=-1"]),
            ("ephemeral", "/run/kata-containers", []),
        ])
    func refusedVolumes(driver: String, mountPoint: String, options: [String]) async throws {
        try await AgentFixture.run { agent in
            let storage = Storage.with {
                ($0.driver, $0.source, $0.filesystem, $0.options) = (driver, "tmpfs", "tmpfs", options)
                $0.mountPoint = mountPoint
            }
            let failure = await agent.failure(of: AgentService.createSandbox, .with { $0.storages = [storage] })
            #expect(failure?.code == .invalidArgument)
        }
    }
}

@Suite struct UnmountedVolumeTests {
    @Test("a pod starts without the right to mount, and the log names the missing mounts and where their files are")
    func warning() async throws {
        let root = try Files.makeTemporaryDirectory(prefix: "/tmp/fake-agent-")
        defer { try? Files.removeTree(root) }
        let program = Files.parent(of: SystemInfo.executablePath) + "/fake-pod-vm"
        try await onLoop { loop in
            var options = ChildProcess.Options(
                executable: program,
                arguments: ["agent", "-socket", root + "/a.sock", "-shared-tree", root + "/tree"])
            if canMakeNamespaces {
                options.arguments =
                    ["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", program] + options.arguments
                options.executable = "setpriv"
            }
            options.error = .pipe
            let agent = try ChildProcess.start(options, on: loop)
            let errors = try #require(agent.error)
            var log = try await text(errors, until: " serves ")
            try Files.write("here".utf8, to: root + "/file", at: 0, mode: 0o644)
            var container = ShimContainer("web", of: "pod")
            try container.mount(root + "/file", at: "/fake-data/file")
            container.mount(emptyDir: "scratch", at: "/fake-data/scratch", inMemory: true)
            let place = try #require(container.copies.first?.path.dropFirst(GuestRunDirectory.guestPath.utf8.count))
            let stream = try await LinuxIO.Stream.connect(to: .unix(path: root + "/a.sock"), on: loop)
            try await Client.with(stream, on: loop) { [container] client in
                for copy in container.copies { _ = try await client.call(AgentService.copyFile, copy) }
                _ = try await client.call(AgentService.createContainer, container.request(running: ["true"]))
                _ = try await client.call(AgentService.startContainer, .with { $0.containerID = "web" })
                #expect(try await client.call(AgentService.waitProcess, .process("web", "web")).status == 0)
            }
            log += try await text(errors, until: "does not see its mounts")
            #expect(log.contains("containers get no mounts, which only root can make"), "\(log)")
            #expect(log.contains("/fake-data/file (in \(root)/tree\(place))"), "\(log)")
            #expect(Files.isDirectory(root + "/tree/sandbox/ephemeral/scratch"))
            agent.signal(Signals.terminate)
            #expect(try await agent.wait() == .exited(0))
        }
    }

    private func text(_ stream: LinuxIO.Stream, until end: String) async throws -> String {
        var text = ""
        while !text.contains(end) {
            let bytes = try await stream.read(upTo: 65536)
            try #require(!bytes.isEmpty, "\(text)")
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }
}

@Suite struct PauseTests {
    @Test(
        "the /pause of a sandbox container is replaced by a program that sleeps until it is told to end",
        .enabled(if: !Files.exists(PauseCommand.path), "this machine has a /pause"),
        arguments: [(UInt32(15), Int32(0)), (2, 0), (9, 137)])
    func pause(signal: UInt32, status: Int32) async throws {
        try await AgentFixture.run { agent in
            _ = try await agent.call(AgentService.createSandbox, .with { $0.sandboxID = "c1" })
            try await agent.start(["/pause"])
            #expect(try await agent.read().map { String(decoding: $0, as: UTF8.self) } == PauseCommand.greeting)
            try await agent.signal(signal)
            #expect(try await agent.wait() == status)
        }
    }

    @Test("the program of another container is not replaced")
    func others() async throws {
        try await AgentFixture.run { agent in
            _ = try await agent.call(AgentService.createSandbox, .with { $0.sandboxID = "pod" })
            for (id, program) in [("c1", "/pause"), ("pod", "/no-such-program")] {
                _ = try await agent.call(AgentService.createContainer, agent.create([program], id: id))
                let failure = await agent.failure(of: AgentService.startContainer, .with { $0.containerID = id })
                #expect(failure?.message.contains(program) == true)
            }
        }
    }
}
