import Encoding
import JSON
import Kubernetes
import PodVMLifecycle
import Telemetry
import Testing

@Suite("Credentials for the registries of a pod's images")
struct RegistryAuthorizationsTests {
    private func secret(_ text: String, key: String = ".dockerconfigjson", name: String = "s") throws -> ClusterSecret {
        try ClusterSecret(
            JSONNode([
                "metadata": ["name": .string(name)],
                "data": .object(JSONObject([(key, .string(Base64.encode(Array(text.utf8))))])),
            ]).members)
    }

    /// auth.json as registries and plain credentials.
    private func credentials(_ images: [String], _ secrets: ClusterSecret...) throws -> [String: String] {
        var authorizations = RegistryAuthorizations(images: images)
        for secret in secrets { try authorizations.add(secret) }
        guard let bytes = try authorizations.encoded()?.reveal() else { return [:] }
        let list = try JSONNode(JSONValue(parsing: bytes)).object("auths").members.entries
        return Dictionary(
            uniqueKeysWithValues: list.map { name, value in
                let plain = Base64.decode((value["auth"]?.stringValue ?? "").utf8) ?? []
                return (name, String(decoding: plain, as: UTF8.self))
            })
    }

    @Test(
        "an image's registry",
        arguments: [
            ("nginx", "docker.io"), ("library/nginx:1", "docker.io"), ("docker.io/x/y", "docker.io"),
            ("index.docker.io/x", "docker.io"), ("Registry.Example.com/x/y@sha256:00", "registry.example.com"),
            ("registry:5000/x", "registry:5000"), ("localhost/x", "localhost"), ("", "docker.io"), ("/", "docker.io"),
            ("nginx:1.2", "docker.io"),
        ])
    func host(image: String, host: String) { #expect(ImageRegistry.host(of: image) == host) }

    @Test("are those of the images only, in the forms that Docker and kubelet know")
    func limited() throws {
        let auth = Base64.encode(Array("me:secret".utf8))
        let config = try secret(
            """
            {"auths": {"https://registry.example.com/v1/": {"auth": "\(auth)"}, "other.example.com": {"auth": "\(auth)"},
              "docker.io": {"username": "u", "password": "p:q"}, "*.azurecr.io": {"auth": "\(auth)"},
              "registry.example.com:5000": {"auth": "\(auth)"}}}
            """)
        #expect(
            try credentials(["registry.example.com/a/b:1", "nginx", "mine.azurecr.io/x"], config) == [
                "https://registry.example.com/v1/": "me:secret", "docker.io": "u:p:q", "mine.azurecr.io": "me:secret",
            ])
        #expect(try credentials(["quay.io/x"], config).isEmpty)
        #expect(try credentials([], config).isEmpty)
    }

    @Test("come from both kinds of secrets, and a later one wins")
    func kinds() throws {
        let old = try secret(#"{"r.io": {"username": "a", "password": "1"}}"#, key: ".dockercfg")
        let new = try secret(#"{"auths": {"r.io": {"username": "b", "password": "2"}}}"#)
        #expect(try credentials(["r.io/x"], old) == ["r.io": "a:1"])
        #expect(try credentials(["r.io/x"], old, new) == ["r.io": "b:2"])
        #expect(try credentials(["r.io/x"], new, old) == ["r.io": "a:1"])
    }

    @Test(
        "an entry that cannot be used hides no other",
        arguments: [
            #"{"auth": "%%%"}"#, #"{"auth": "bm8tY29sb24="}"#, #"{"auth": 3}"#, "null", "[]", "7",
            #"{"username": "u"}"#,
            "{}", #"{"username": "", "password": ""}"#,
        ])
    func badEntry(entry: String) throws {
        let config = try secret(#"{"auths": {"r.io": \#(entry), "q.io": {"username": "a", "password": "1"}}}"#)
        #expect(try credentials(["r.io/x", "q.io/x"], config) == ["q.io": "a:1"])
    }

    @Test(
        "a secret that is not a docker configuration is an error without its content",
        arguments: [
            "", "hunter2", #"{"auths": "hunter2"}"#, #"{"auths": ["hunter2"]}"#, "[\"hunter2\"]",
            String(repeating: "[", count: 100_000), #"{"auths": {"hunter2": {"#, "\u{0}hunter2",
        ])
    func malformed(text: String) throws {
        var authorizations = RegistryAuthorizations(images: ["r.io/x"])
        let secret = try secret(text)
        let error = #expect(throws: RegistryAuthorizations.Malformed.self) { try authorizations.add(secret) }
        #expect(error?.description.contains("hunter2") == false)
        #expect(authorizations.isEmpty)
        let other = try self.secret("{}", key: "tls.crt")
        #expect(throws: RegistryAuthorizations.Malformed.self) { try authorizations.add(other) }
    }

    @Test("of a secret with 100 registries are those of the pod's images")
    func hundred() throws {
        let entries = (0..<100).map { #""r\#($0).io": {"username": "u\#($0)", "password": "p"}"# }
        let config = try secret("{\"auths\": {\(entries.joined(separator: ","))}}")
        #expect(try credentials(["r7.io/x", "r70.io/x"], config) == ["r7.io": "u7:p", "r70.io": "u70:p"])
        let all = (0..<100).map { "r\($0).io/x" }
        #expect(try credentials(all, config).count == 100)
    }

    @Test("that are too large are an error with the sizes, and without the credentials")
    func tooLarge() throws {
        let password = String(repeating: "hunter2", count: 400)
        let entries = (0..<6).map { #""r\#($0).io": {"username": "u", "password": "\#(password)"}"# }
        var authorizations = RegistryAuthorizations(images: (0..<6).map { "r\($0).io/x" })
        try authorizations.add(try secret("{\"auths\": {\(entries.joined(separator: ","))}}", name: "big"))
        let error = #expect(throws: LifecycleError.self) { try authorizations.encoded() }
        #expect(error?.code == .invalidArgument)
        let message = error?.message ?? ""
        for words in ["at most 12288", "r0.io 3736 (Secret big)", "of 6 registries", "-pull-secrets=false"] {
            #expect(message.contains(words), "\(message)")
        }
        #expect(!message.contains("hunter2") && message.utf8.count < 600)
        let many = (0..<5000).map { #""h\#($0)": {}"# }
        let secret = try secret("{\"auths\": {\(many.joined(separator: ","))}}")
        #expect(throws: RegistryAuthorizations.Malformed.self) { try authorizations.add(secret) }
    }

    @Test("patterns match parts of labels, and hostile patterns take no time")
    func patterns() {
        #expect(ImageRegistry.matches("*.azurecr.io", "a.azurecr.io"))
        #expect(!ImageRegistry.matches("*.azurecr.io", "azurecr.io"))
        #expect(!ImageRegistry.matches("*.io", "a.b.io"))
        #expect(ImageRegistry.matches("re*ry-*.x.io", "registry-1.x.io"))
        let stars = String(repeating: "*a", count: 250)
        #expect(!ImageRegistry.matches(stars + "b", String(repeating: "a", count: 500)))
        #expect(ImageRegistry.host(ofKey: "https://") == nil)
        #expect(ImageRegistry.host(ofKey: String(repeating: "x", count: 1000)) == nil)
        #expect(ImageRegistry.host(ofKey: "r.io\n") == nil)
    }
}
