import JSON
import Testing

@testable import AgentProtocolForwarder

@Suite("What the pod may ask the metadata service")
struct PodMetadataTests {
    private func question(_ text: String) throws -> MetadataQuery {
        let bytes = Array(text.replacing("\n", with: "\r\n").utf8)
        let end = try #require(try MetadataRequest.end(in: bytes))
        return try MetadataQuery(try MetadataRequest(parsing: bytes[..<end]))
    }

    private func get(_ target: String, _ header: String = "Metadata: true\n") throws -> MetadataQuery {
        try question("GET \(target) HTTP/1.1\nHost: 169.254.169.254\n\(header)\n")
    }

    private func status(_ body: () throws -> MetadataQuery) -> Int? {
        #expect(throws: MetadataRefusal.self) { try body() }?.status
    }

    @Test(
        "is passed on, written again from its parts",
        arguments: [
            "/metadata/instance?api-version=2021-02-01",
            "/metadata/instance/compute/name?api-version=2021-02-01&format=text",
            "/metadata/instance/network/interface/0/macAddress?format=text&api-version=2021-02-01",
            "/metadata/versions", "/metadata/attested/document?api-version=2020-09-01&nonce=1234567890",
            "/metadata/scheduledevents?api-version=2020-07-01", "/metadata/Instance/compute/?api-version=2021-02-01",
        ])
    func passed(target: String) throws {
        let text = try get(target, "Accept: */*\nmetadata:  True \nX-Other: a, b\n").text(host: "169.254.169.254:80")
        #expect(
            text == """
                GET \(target) HTTP/1.0\r
                Host: 169.254.169.254:80\r
                Metadata: true\r
                User-Agent: agent-protocol-forwarder\r
                Connection: close\r
                \r

                """)
    }

    @Test(
        "is never the VM's user data, in any spelling, nor a token of its identity",
        arguments: [
            "/metadata/instance/compute/userData", "/metadata/instance/compute/USERDATA/",
            "/metadata/instance/compute/customData", "/metadata/instance/compute/osProfile/customdata",
            "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x", "/metadata", "/", "/metadata/attested",
            "/metadata/instances", "/acc/tdquote", "/machine?comp=goalstate", "/metadata/instanceuserdata",
        ])
    func secret(target: String) {
        #expect(status { try get(target) } == 403 || status { try get(target) } == 400)
    }

    @Test(
        "has only one accepted spelling",
        arguments: [
            "/metadata/instance/compute/user%44ata", "/metadata/instance/%63ompute", "//metadata/instance",
            "/metadata//instance", "/metadata/instance/../identity", "/metadata/./instance", "/metadata/instance/a;b",
            "/metadata/instance\\compute", "/metadata/instance?api-version=2021-02-01&api-version=2021-02-01",
            "/metadata/instance?format=a%20b", "/metadata/instance?x=1", "/metadata/instance?api-version",
            "/metadata/instance?api-version=", "/metadata/instance?format=json#a", "/metadata/instance?a?b=1",
            "/metadata/instance/\(String(repeating: "a", count: 600))",
            "/metadata/instance?nonce=\(String(repeating: "1", count: 65))",
        ])
    func spelled(target: String) {
        #expect(status { try get(target) } == 400)
    }

    @Test("must be a GET request with the metadata header, and without a proxy's header")
    func asked() {
        let target = "/metadata/instance?api-version=2021-02-01"
        #expect(status { try question("POST \(target) HTTP/1.1\nMetadata: true\n\n") } == 405)
        for header in [
            "", "Metadata: false\n", "Metadata: true\nMetadata: no\n", "Metadata: true\nX-Forwarded-For: 10.0.0.1\n",
            "Metadata: true\nContent-Length: 5\n", "Metadata: true\nTransfer-Encoding: chunked\n",
            "Metadata: true\n folded\n", "Metadata : true\n", "Metadata: true\n: x\n", "Metadata: true\nX: \u{1}\n",
        ] {
            #expect(status { try get(target, header) } == 400, "\(header)")
        }
        for line in [
            "GET \(target)", "GET  \(target) HTTP/1.1", "get \(target) HTTP/1.1", "GET \(target) HTTP/2.0", "",
        ] {
            #expect(status { try question("\(line)\nMetadata: true\n\n") } == 400, "\(line)")
        }
        for target in ["http://169.254.169.254/metadata/instance", "metadata/instance", "*"] {
            #expect(status { try get(target) } == 400, "\(target)")
        }
    }

    @Test("has a limited length, and lines that end with CRLF or LF")
    func end() throws {
        #expect(try MetadataRequest.end(in: Array("GET / HTTP/1.0\r\nA: b\r\n\r\nrest".utf8)) == 24)
        #expect(try MetadataRequest.end(in: Array("GET / HTTP/1.0\n\nrest".utf8)) == 16)
        #expect(try MetadataRequest.end(in: Array("GET / HTTP/1.0\r\nA: b\r\n".utf8)) == nil)
        let long = [UInt8](repeating: 0x61, count: MetadataRequest.limit)
        #expect(try MetadataRequest.end(in: Array(long.dropLast())) == nil)
        #expect(throws: MetadataRefusal.self) { try MetadataRequest.end(in: long) }
    }

    @Test("is answered without user data and custom data, at any depth and in any case")
    func filtered() throws {
        let text = """
            {"compute": {"name": "vm", "userData": "c2VjcmV0", "osProfile": {"CUSTOMDATA": "c2VjcmV0", "a": [1.5, null]},
            "tagsList": [{"name": "userData", "userdata": "c2VjcmV0"}], "use\\u0072Data": "c2VjcmV0"}, "customData": {}}
            """
        // One name under two spellings would have two meanings.
        #expect(MetadataSecrets.removed(from: Array(text.utf8)) == nil)
        let once = text.replacing(#", "use\u0072Data": "c2VjcmV0""#, with: "")
        let left = try #require(MetadataSecrets.removed(from: Array(once.utf8)))
        #expect(
            try JSONValue(parsing: left) == [
                "compute": [
                    "name": "vm", "osProfile": ["a": [1.5, .null]], "tagsList": [["name": "userData"]],
                ]
            ])
        let escaped = try #require(MetadataSecrets.removed(from: Array(#"{"use\u0072Data": "c2VjcmV0"}"#.utf8)))
        #expect(String(decoding: escaped, as: UTF8.self) == "{}")
        for text in ["", "c2VjcmV0", "{\"userData\": \"c2Vj", "\u{FEFF}{}"] {
            #expect(MetadataSecrets.removed(from: Array(text.utf8)) == nil, "\(text)")
        }
    }
}
