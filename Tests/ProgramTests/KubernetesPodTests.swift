import KataProtocol
import LinuxIO
import NetworkRig
import PeerPodProtocol
import ShimRig
import TTRPC
import Testing

/// The calls of kata's Go shim for a pod of Kubernetes, over the pod's agent socket on the node.
private struct ShimCalls: Sendable {
    let client: Client

    func createSandbox(_ id: String) async throws {
        _ = try await client.call(
            AgentService.createSandbox,
            .with {
                ($0.hostname, $0.sandboxID) = (id, id)
                $0.dns = ["nameserver 10.96.0.10"]
                $0.storages = ShimContainer.sandboxStorages
            })
    }

    func copy(_ copies: [CopyFileRequest]) async throws {
        for copy in copies { _ = try await client.call(AgentService.copyFile, copy) }
    }

    func start(_ container: ShimContainer, running arguments: [String]) async throws {
        try await copy(container.copies)
        _ = try await client.call(AgentService.createContainer, container.request(running: arguments))
        _ = try await client.call(AgentService.startContainer, .with { $0.containerID = container.id })
    }

    /// The next lines of a container's output, as many as asked for.
    func lines(_ count: Int, of container: String) async throws -> [String] {
        var output: [UInt8] = []
        while output.count(where: { $0 == UInt8(ascii: "\n") }) < count {
            let read = ReadStreamRequest.with {
                ($0.containerID, $0.execID) = (container, container)
                $0.length = 32768
            }
            output += try await client.call(AgentService.readStdout, read).data
        }
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func write(_ text: String, to container: String) async throws {
        _ = try await client.call(
            AgentService.writeStdin,
            .with {
                ($0.containerID, $0.execID) = (container, container)
                $0.data = Array(text.utf8)
            })
    }
}

@Suite(
    "A pod of Kubernetes in the fake cloud",
    .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"),
    .enabled(if: canMakeNamespaces, "needs NET_ADMIN and SYS_ADMIN, to make network and mount namespaces"))
struct KubernetesPodTests {
    @Test(
        "starts with its pause container; its containers read their volumes, share an emptyDir and see a ConfigMap change"
    )
    func whole() async throws {
        try await Node.run { node in
            let daemon = try node.daemon()
            #expect(try await daemon.notification() == "READY=1")
            let pod = try node.lab.makePod()
            let shell = try await node.create("web", in: pod, by: daemon)
            try await node.start("web", by: daemon)
            let kubelet = node.directory + "/kubelet"
            let config = try KubeletVolume(at: kubelet + "/config", ["color": "blue\n"])
            let secret = try KubeletVolume(at: kubelet + "/secret", ["password": "hunter2\n"], mode: 0o400)
            let token = try KubeletVolume(at: kubelet + "/token", ["token": "ey.J.x\n", "ca.crt": "PEM\n"])
            for (name, text) in [("hosts", "10.244.1.10 web\n"), ("log", ""), ("sub", "one file\n")] {
                try Files.write(text.utf8, to: "\(kubelet)/\(name)", at: 0, mode: 0o644)
            }
            let account = "/var/run/secrets/kubernetes.io/serviceaccount"
            var app = ShimContainer("app", of: "web")
            try app.mount(config.directory, at: "/config", readOnly: true)
            try app.mount(secret.directory, at: "/etc/app/secret", readOnly: true)
            try app.mount(token.directory, at: account, readOnly: true)
            try app.mount(kubelet + "/sub", at: "/etc/app/one.conf")
            try app.mount(kubelet + "/hosts", at: "/etc/hosts")
            try app.mount(kubelet + "/log", at: "/dev/termination-log")
            app.mount(emptyDir: "scratch", at: "/scratch", inMemory: false)
            var sidecar = ShimContainer("sidecar", of: "web")
            sidecar.mount(emptyDir: "scratch", at: "/from-app", inMemory: false)

            let stream = try await Stream.connect(to: .unix(path: shell.socket), on: node.loop)
            try await Client.with(stream, on: node.loop) { [app, sidecar] client in
                let shim = ShimCalls(client: client)
                try await shim.createSandbox("web")
                try await shim.start(ShimContainer("web", of: "web"), running: ["/pause"])
                let script = """
                    cat /config/color /etc/app/secret/password \(account)/token /etc/app/one.conf /etc/hosts
                    echo shared > /scratch/x; echo fine > /dev/termination-log
                    ip -4 -o addr show eth0 | grep -o 'inet [0-9./]*'; hostname
                    while read line; do cat /config/color; done
                    """
                try await shim.start(app, running: ["sh", "-c", script])
                let name = try #require(try await daemon.call(Sandboxes.list, Empty()).sandboxes.first?.vm)
                #expect(
                    try await shim.lines(7, of: "app") == [
                        "blue", "hunter2", "ey.J.x", "one file", "10.244.1.10 web", "inet 10.244.1.10/24", name,
                    ])
                try await shim.start(sidecar, running: ["cat", "/from-app/x"])
                #expect(try await shim.lines(1, of: "sidecar") == ["shared"])

                var updated = config
                try updated.write(["color": "green\n"])
                let copied = try #require(app.copies.first?.path)
                try await shim.copy(ShimContainer.copies(of: updated.directory, to: copied))
                try await shim.write("\n", to: "app")
                #expect(try await shim.lines(1, of: "app") == ["green"])
            }
            for path in ["/config", "/etc/app", "/scratch", "/dev/termination-log"] {
                #expect(!Files.exists(path), "\(path) on the machine")
            }
            try await node.stop("web", by: daemon)
            try await node.areGone(by: daemon)
            #expect(try node.leftovers(pod).isEmpty)
            try await node.end(daemon)
        }
    }
}
