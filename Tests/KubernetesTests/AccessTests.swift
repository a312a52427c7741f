import Doubles
import Encoding
import Kubernetes
import LinuxIO
import Telemetry
import TestSupport
import Testing

@Suite("Access to the cluster")
struct AccessTests {
    @Test(
        "the environment names the server",
        arguments: [
            ("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443"),
            ("api.example", "https://api.example:443"),
        ])
    func endpoint(host: String, expected: String) throws {
        let directory = try TemporaryDirectory()
        _ = try directory.write("t", to: "token")
        let access = try ClusterAccess(
            environment: ["KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"], directory: directory.path)
        #expect(access.endpoint == expected)
        #expect(access.authorityFile == directory.path + "/ca.crt")
    }

    @Test(
        "says what is missing",
        arguments: [
            ([:], "do not", true),
            (["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "443"], "token", false),
            (["KUBERNETES_SERVICE_HOST": "h/../x", "KUBERNETES_SERVICE_PORT": "443"], "not a host", true),
            (["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "70000"], "not a host", true),
            (["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": ""], "not set", true),
        ] as [([String: String], String, Bool)])
    func missing(environment: [String: String], _ what: String, hasToken: Bool) throws {
        let directory = try TemporaryDirectory()
        if hasToken { _ = try directory.write("t", to: "token") }
        let error = #expect(throws: ClusterAccess.Missing.self) {
            try ClusterAccess(environment: environment, directory: directory.path)
        }
        #expect(environment.isEmpty || error?.description.contains(what) == true, "\(String(describing: error))")
    }

    @Test("a token names the pod and the node")
    func claims() throws {
        let payload =
            #"{"iss":"x","kubernetes.io":{"namespace":"n","node":{"name":"node-1","uid":"u0"},"#
            + #""pod":{"name":"caa-x","uid":"u1"},"serviceaccount":{"name":"caa","uid":"u2"}}}"#
        let claims = try #require(TokenClaims(token: "h." + Base64.encodeForURL(Array(payload.utf8)) + ".s"))
        #expect(claims.nodeName == "node-1")
        #expect(claims.podUID == "u1")
        #expect(claims.namespace == "n")
        #expect(claims.serviceAccount == "caa")
    }

    @Test("a text that is not a token has no claims", arguments: ["", "a.b", "a.!!.c", "a.e30.c", "..", "a.AA.b.c"])
    func noClaims(token: String) { #expect(TokenClaims(token: token) == nil) }

    @Test("the file is read again after a minute, and at once after a refusal")
    func rotation() throws {
        let directory = try TemporaryDirectory()
        let clock = InstantClock()
        let file = TokenFile(path: try directory.write("one\n", to: "token"), clock: clock)
        #expect(try file.token().reveal() == "one")
        _ = try directory.write("two\n", to: "token")
        #expect(try file.token().reveal() == "one")
        clock.pass(.seconds(61))
        #expect(try file.token().reveal() == "two")
        #expect(!file.drop(Secret("two")), "the file has the same token")
        _ = try directory.write("three", to: "token")
        #expect(file.drop(Secret("two")))
        #expect(try file.token().reveal() == "three")
    }

    @Test("the last token stays in use while the file cannot be read")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        let clock = InstantClock()
        let path = try directory.write("one", to: "token")
        let file = TokenFile(path: path, clock: clock)
        #expect(try file.token().reveal() == "one")
        try DurableFile.remove(path)
        clock.pass(.seconds(61))
        #expect(try file.token().reveal() == "one")
    }

    @Test("a file without one token is refused", arguments: ["", " \n", "a b", "a\nb", "a\u{0}"])
    func malformed(text: String) throws {
        let directory = try TemporaryDirectory()
        let file = TokenFile(path: try directory.write(text, to: "token"), clock: InstantClock())
        #expect(throws: TokenFile.Unreadable.self) { try file.token() }
    }
}
