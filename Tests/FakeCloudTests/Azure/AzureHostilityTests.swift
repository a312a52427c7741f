import HTTPTransport
import JSON
import LinuxIO
import Testing

@testable import FakeCloud

@Suite("A fake Azure and invalid requests") struct AzureHostilityTests {
    static let paths = [
        "/", "//", "/%", "/%zz/%00", "/subscriptions", "/subscriptions/", "/subscriptions/%2f", "/subscriptions//x",
        "/subscriptions/x/resourceGroups", "/subscriptions/x/resourceGroups/y/providers",
        "/subscriptions/x/providers/Microsoft.Compute", "/subscriptions/x/providers/Microsoft.Compute/locations",
        "/subscriptions/x/providers/Microsoft.Compute/locations/y",
        "/subscriptions/x/providers/Microsoft.Compute/locations/y/operations",
        "/subscriptions/x/providers/Microsoft.Compute/locations/y/operations/z/z/z/z",
        "/subscriptions/%F0%9F%92%A9/resourceGroups/%FF%FE/providers/a/b/c", "/metadata", "/metadata/",
        "/metadata/identity",
        "/metadata/instance/compute/tagsList/99", "/imds", "/imds/x", "/imds/x/metadata/instance", "/control",
        "/control/../state", "/x/oauth2/v2.0/token", "/x/v2.0/.well-known/openid-configuration", "/?a=b=c&&=&%",
        "/subscriptions/x?api-version=%00%00&$skiptoken=-1",
    ]

    @Test("answers every path with every verb, and serves the next client")
    func paths() async throws {
        try await AzureFixture.run(#"{"throttling": {"on": false}}"#) { azure in
            let token = "Bearer \(azure.token.withLock { $0 })"
            for path in AzureHostilityTests.paths {
                for method in ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"] {
                    for headers: HTTPHeaders in [[:], ["Authorization": token, "Metadata": "true"]] {
                        let answer = try await azure.send(
                            method, path, headers: headers, body: method == "PUT" ? [0xFF] : [])
                        #expect(200..<500 ~= answer.status, "\(method) \(path)")
                    }
                }
            }
            #expect(try await azure.make("web")["status"] == "Succeeded")
        }
    }

    @Test("refuses bodies that are not JSON, too deep, too large or of the wrong type")
    func bodies() async throws {
        try await AzureFixture.run(#"{"throttling": {"on": false}}"#) { azure in
            let path = azure.full("Microsoft.Compute/virtualMachines/web") + "?api-version=2024-07-01"
            let headers: HTTPHeaders = [
                "Authorization": "Bearer \(azure.token.withLock { $0 })", "Content-Type": "application/json",
            ]
            let bodies: [[UInt8]] = [
                [], [0], [0xFF, 0xFE], Array("{".utf8), Array("null".utf8), Array("[]".utf8), Array("\"x\"".utf8),
                Array(String(repeating: "[", count: 100_000).utf8), Array("{\"a\":1,\"a\":2}".utf8),
                Array("{\"properties\":{\"hardwareProfile\":[]}}".utf8), Array("{\"location\":\"\\u0000\"}".utf8),
                Array("{\"location\":1e999}".utf8), Array("{\"tags\":[1]}".utf8),
            ]
            for method in ["PUT", "PATCH"] {
                for body in bodies {
                    let answer = try await azure.send(method, path, headers: headers, body: body)
                    #expect(400..<500 ~= answer.status)
                    #expect(!answer.code.isEmpty, "\(answer.text)")
                }
            }
            var large = headers
            large["Content-Type"] = "text/plain"
            #expect(try await azure.send("PUT", path, headers: large, body: Array("{}".utf8)).status == 415)
            let huge = [UInt8](repeating: UInt8(ascii: " "), count: 5 << 20)
            let answer = try? await azure.send("PUT", path, headers: headers, body: huge)
            #expect(answer == nil || answer?.status == 413)
            #expect(try await azure.everything() == [:])
        }
    }

    @Test("refuses lists with skip tokens that no list has returned")
    func pages() async throws {
        try await AzureFixture.run { azure in
            for token in ["x", "-1", "99999999999999999999", "%00"] {
                let answer = try await azure.arm(
                    "GET", "Microsoft.Compute/virtualMachines", query: "$skiptoken=\(token)")
                #expect(answer.code == "InvalidParameter")
            }
            let beyond = try await azure.arm(
                "GET", "Microsoft.Compute/virtualMachines", query: "$skiptoken=\(Int.max)")
            #expect(beyond.json["value"] == [])
        }
    }

    @Test("refuses guests without the header, with a proxy's header, a wrong version or another VM's token")
    func metadata() async throws {
        try await AzureFixture.run(options: { $0.acceptsAnyIdentity = true }) { azure in
            try await azure.make("web") { $0.set("tags", ["a": "b", "c": "d"]) }
            let base = try #require(azure.machines.spec("web")?.metadataEndpoint) + "/metadata"
            func get(_ path: String, _ headers: HTTPHeaders = ["Metadata": "true"]) async throws -> AzureFixture.Answer
            {
                try await azure.send("GET", path.hasPrefix("http") ? path : base + path, headers: headers)
            }
            let version = "api-version=2021-12-13"
            #expect(try await get("/instance?\(version)", [:]).status == 400)
            #expect(
                try await get("/instance?\(version)", ["Metadata": "true", "X-Forwarded-For": "1.2.3.4"]).status == 400)
            let wrong = try await get("/instance?api-version=2000-01-01")
            #expect(wrong.status == 400)
            #expect(wrong.json["newest-versions"] == ["2025-04-07", "2024-07-17", "2024-03-15"])
            #expect(try await get("/instance?\(version)&\(version)").status == 400)
            #expect(try await get("/instance/compute/nothing?\(version)&format=text").status == 404)
            #expect(
                try await get(azure.azure.account.metadataEndpoint + "/imds/x/metadata/instance?\(version)").status
                    == 404)
            let compute = try await get("/instance/compute?\(version)")
            #expect(compute.json["tags"] == "a:b;c:d")
            #expect(compute.json.at("securityProfile.virtualTpmEnabled") == "true")
            #expect(compute.json["vmSize"] == "Standard_DC2es_v6")
            let address = try await get(
                "/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress?\(version)&format=text")
            #expect(address.text.hasPrefix("10."))
            #expect(try await get("/versions").json["apiVersions"]?.arrayValue?.isEmpty == false)
            let node = azure.azure.account.metadataEndpoint + "/metadata"
            let token = try await get(
                "\(node)/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com")
            #expect(token.json["token_type"] == "Bearer")
            #expect(token.json["expires_in"] == "3599")
            let stranger = try await get(
                "\(node)/identity/oauth2/token?api-version=2018-02-01&resource=x&client_id=unknown")
            #expect(stranger.status == 400)
            #expect(stranger.json["error"] == "invalid_request")
            #expect(try await get("\(node)/instance?\(version)").json.at("compute.location") == "eastus")
        }
    }
}
