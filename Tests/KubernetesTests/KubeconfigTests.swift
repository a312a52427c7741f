import Encoding
import FakeKubernetes
import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import TLS
import Telemetry
import TestSupport
import Testing

@Suite("A kubeconfig")
struct KubeconfigTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func write(
        cluster: String = "server: https://api.example:6443", user: String = "token: t1", more: String = ""
    ) throws -> String {
        try directory.write(
            """
            apiVersion: v1
            kind: Config
            current-context: one
            contexts:
            - {name: one, context: {cluster: c, user: u, namespace: team}}
            - {name: two, context: {cluster: c, user: other}}
            - {name: three, context: {cluster: missing, user: u}}
            clusters:
            - name: c
              cluster: {\(cluster)}
            users:
            - name: u
              user: {\(user)}
            - name: other
              user: {tokenFile: other-token}
            \(more)
            """, to: "kubeconfig")
    }

    @Test("names the server, the authority, the credential and the namespace of the current context")
    func token() throws {
        let authority = Base64.encode(Array("PEM".utf8))
        let config = try Kubeconfig(
            try write(cluster: "server: 'https://api.example:6443/', certificate-authority-data: \(authority)"))
        #expect(config.access.endpoint == "https://api.example:6443")
        #expect(config.access.authorities == "PEM")
        #expect(config.access.credential == .token(Secret("t1")))
        #expect(config.access.usesProxy)
        #expect(config.namespace == "team" && config.context == "one")
    }

    @Test("other contexts are selected by name, and files are relative to the kubeconfig")
    func context() throws {
        let path = try write(cluster: "server: https://h, certificate-authority: ca.crt")
        let config = try Kubeconfig(path, context: "two")
        #expect(config.access.credential == .tokenFile(directory.path + "/other-token"))
        #expect(config.access.authorityFile == directory.path + "/ca.crt")
        #expect(config.namespace == nil)
        #expect(try Kubeconfig(path, tokenFile: "/t").access.credential == .tokenFile("/t"))
    }

    @Test(
        "what cannot be used is an error that says what to do",
        arguments: [
            ("server: https://h", "exec: {command: kubelogin}", "the program kubelogin"),
            ("server: https://h", "auth-provider: {name: azure}", "auth-provider"),
            ("server: https://h", "username: a, password: b", "a password"),
            ("server: https://h", "as: admin, token: t", "an impersonation"),
            ("server: https://h", "{}", "no credential"),
            ("server: https://h", "token: \"a b\"", "other characters"),
            ("server: https://h", "client-certificate-data: QQ==", "without a key"),
            ("server: https://h", "client-certificate-data: '!'", "not base64"),
            ("server: https://h", "client-certificate: none.pem", "none.pem"),
            ("server: https://h, insecure-skip-tls-verify: true", "token: t", "insecure-skip-tls-verify"),
            ("server: https://h, proxy-url: http://p", "token: t", "HTTPS_PROXY"),
            ("server: ftp://h", "token: t", "https://"), ("server: https://u@h", "token: t", "https://"),
            ("server: https://h:99999", "token: t", "https://"), ("server: https://", "token: t", "https://"),
            ("server: https://h, tls-server-name: 'a b'", "token: t", "tls-server-name"),
        ])
    func refused(cluster: String, user: String, reason: String) throws {
        let path = try write(cluster: cluster, user: user == "{}" ? "" : user)
        let error = try #require(throws: Kubeconfig.Unusable.self) { try Kubeconfig(path) }
        #expect(error.description.contains(reason), "\(error)")
        if user.hasPrefix("exec") { #expect(error.description.contains("kubectl create token")) }
    }

    @Test("damaged and hostile files are errors")
    func damaged() throws {
        for text in ["", "[]", "a: &x 1", "current-context: none", String(repeating: "[", count: 9999), "\u{0}"] {
            let path = try directory.write(text, to: "kubeconfig")
            #expect(throws: Kubeconfig.Unusable.self) { try Kubeconfig(path) }
        }
        #expect(throws: Kubeconfig.Unusable.self) { try Kubeconfig(directory.path + "/none") }
        #expect(throws: Kubeconfig.Unusable.self) { try Kubeconfig(try write(), context: "three") }
        #expect(throws: Kubeconfig.Unusable.self) { try Kubeconfig(try write(), context: "four") }
    }

    @Test("is found as kubectl finds it")
    func place() throws {
        let path = try write()
        #expect(Kubeconfig.path(named: "/x", environment: [:]) == "/x")
        #expect(Kubeconfig.path(named: "", environment: ["KUBECONFIG": "/none:\(path)"]) == path)
        #expect(Kubeconfig.path(named: "", environment: ["HOME": directory.path]) == nil)
        try Files.makeDirectories(directory.path + "/.kube")
        _ = try directory.write("", to: ".kube/config")
        #expect(Kubeconfig.path(named: "", environment: ["HOME": directory.path]) == directory.path + "/.kube/config")
        #expect(Kubeconfig.path(named: "", environment: [:]) == nil)
    }

    @Test("leads to a server whose certificate has another name than its address, with authority and token in the file")
    func server() async throws {
        try await onLoop { loop in
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            cluster.addNode("node-1")
            let identity = try ServerIdentity.make(name: "api.internal", organization: "tests")
            let server = try FakeKubernetesServer(
                cluster, listen: .tcp(host: "127.0.0.1", port: 0),
                tls: .init(certificate: identity.server.certificate, key: identity.server.key), on: loop)
            func node(_ name: String) async throws -> String {
                let config = try Kubeconfig(
                    try write(
                        cluster: "server: 'https://\(server.address)', tls-server-name: \(name), "
                            + "certificate-authority-data: \(Base64.encode(Array(identity.authority.utf8)))",
                        user: "token: admin"))
                let sender = try HTTPClient(config.access.clientOptions([:]), on: loop)
                var limits = KubernetesClient.Limits()
                limits.call = .seconds(1)
                let client = KubernetesClient(
                    config.access, sender: sender, clock: LoopClock(loop: loop), limits: limits)
                let found = Lock("")
                try await alongside({ do { try await sender.run() } catch is CancellationError {} }) {
                    let node = try await client.get(ObjectName(.nodes, "node-1"))
                    found.withLock { $0 = node["metadata"]?["name"]?.stringValue ?? "" }
                }
                return found.withLock { $0 }
            }
            try await alongside({ do { try await server.run() } catch is CancellationError {} }) {
                let name = try await node("api.internal")
                #expect(name == "node-1")
                let error = await #expect(throws: KubernetesError.self) { try await node("other.internal") }
                #expect(error?.kind == .unreachable)
            }
        }
    }
}
