import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import Testing

@testable import FakeCloud

private let vms = "Microsoft.Compute/virtualMachines"

@Suite("What a fake Azure refuses") struct AzureRefusalTests {
    /// A change to a body that is right, and what ARM then answers.
    struct Wrong: Sendable, CustomStringConvertible {
        let path: String
        let value: JSONValue?
        let status: Int
        let code: String
        let text: String
        var description: String { "\(path) -> \(code)" }

        init(_ path: String, _ value: JSONValue?, _ status: Int, _ code: String, _ text: String = "") {
            (self.path, self.value, self.status, self.code, self.text) = (path, value, status, code, text)
        }
    }

    static let disk = "properties.storageProfile.osDisk"
    static let nic = "properties.networkProfile.networkInterfaceConfigurations.0"
    static let wrongs = [
        Wrong("location", nil, 400, "InvalidParameter", "location"),
        Wrong("location", "mars", 400, "InvalidResourceLocation"),
        Wrong("zones", ["4"], 400, "InvalidAvailabilityZone"),
        Wrong("zones", "1", 400, "InvalidRequestContent"),
        Wrong("properties", nil, 400, "InvalidParameter"),
        Wrong("properties", [], 400, "InvalidRequestContent"),
        Wrong("properties.hardwareProfile.vmSize", "Standard_X1", 400, "InvalidParameter", "Standard_X1"),
        Wrong("properties.hardwareProfile.vmSize", "Standard_DC2es_v5", 400, "InvalidParameter", "current region"),
        Wrong(
            "properties.hardwareProfile.vmSize", "Standard_D2s_v5", 400, "BadRequest",
            "'ConfidentialVM' security type and managedDisk.securityProfile.securityEncryptionType"),
        Wrong("properties.securityProfile", nil, 400, "BadRequest", "'<NULL>' security type."),
        Wrong("properties.securityProfile.uefiSettings.vTpmEnabled", false, 400, "BadRequest", "vTPM"),
        Wrong("properties.securityProfile.securityType", "Magic", 400, "BadRequest", "Error converting value"),
        Wrong(
            "\(disk).managedDisk.securityProfile.securityEncryptionType", "DiskWithVMGuestState", 400, "BadRequest",
            "Secure boot"),
        Wrong("\(disk).managedDisk.securityProfile", nil, 400, "BadRequest"),
        Wrong("\(disk).createOption", nil, 400, "InvalidParameter"),
        Wrong("\(disk).deleteOption", "Perhaps", 400, "BadRequest", "Delete, Detach"),
        Wrong("\(disk).diskSizeGB", 0, 400, "InvalidParameter"),
        Wrong("\(disk).diskSizeGB", "64", 400, "InvalidRequestContent"),
        Wrong("properties.storageProfile.imageReference", JSONValue.object(JSONObject()), 400, "InvalidParameter"),
        Wrong("properties.storageProfile.imageReference.id", "/x/images/none", 404, "GalleryImageNotFound"),
        Wrong("properties.userData", "no base64!", 400, "InvalidParameter"),
        Wrong("properties.userData", .string(String(repeating: "A", count: 65540)), 400, "InvalidParameter"),
        Wrong("properties.osProfile", nil, 400, "InvalidParameter"),
        Wrong("properties.osProfile.adminUsername", "root", 400, "InvalidParameter"),
        Wrong(
            "properties.osProfile.linuxConfiguration.ssh.publicKeys.0.path", "/root/key", 400, "InvalidParameter",
            "Destination path for Ssh public keys is currently limited to its default value"),
        Wrong("properties.osProfile.linuxConfiguration.ssh.publicKeys", [], 400, "InvalidParameter"),
        Wrong("properties.osProfile.computerName", "a_b", 400, "InvalidParameter"),
        Wrong("properties.networkProfile.networkApiVersion", nil, 400, "InvalidParameter"),
        Wrong("properties.networkProfile.networkInterfaceConfigurations", [], 400, "InvalidParameter"),
        Wrong("\(nic).name", "-", 400, "InvalidResourceName"),
        Wrong("\(nic).properties.networkSecurityGroup.id", "/subscriptions/x/nsg", 400, "InvalidResourceReference"),
        Wrong(
            "\(nic).properties.ipConfigurations.0.properties.subnet.id", "/subscriptions/x/subnet", 400,
            "InvalidResourceReference"),
        Wrong(
            "\(nic).properties.enableAcceleratedNetworking", true, 400,
            "VMSizeIsNotPermittedToEnableAcceleratedNetworking"),
        Wrong("tags", ["a": 1], 400, "InvalidTagValueType"),
        Wrong("tags", ["a": .string(String(repeating: "x", count: 257))], 400, "InvalidTagValueLength"),
        Wrong("tags", ["a/b": "x"], 400, "InvalidTagNameCharacters"),
        Wrong(
            "tags", .object(JSONObject((0..<51).map { ("t\($0)", JSONValue.string("x")) })), 400, "InvalidTagCount"),
    ]

    @Test("a body with one error, with ARM's code, and nothing is created")
    func bodies() async throws {
        try await AzureFixture.run(#"{"throttling": {"on": false}}"#) { azure in
            for wrong in AzureRefusalTests.wrongs {
                var body = azure.machine("web")
                body.set(wrong.path, wrong.value)
                let answer = try await azure.arm("PUT", "\(vms)/web", body: body)
                #expect(answer.status == wrong.status, "\(wrong): \(answer.text)")
                #expect(answer.code == wrong.code, "\(wrong): \(answer.text)")
                #expect(answer.message.contains(wrong.text), "\(wrong): \(answer.text)")
            }
            #expect(try await azure.everything() == [:])
        }
    }

    @Test("names that no VM may have", arguments: ["_a", "a-", "a%2Fb", String(repeating: "a", count: 65), "%00"])
    func names(name: String) async throws {
        try await AzureFixture.run { azure in
            let answer = try await azure.arm("PUT", "\(vms)/\(name)", body: azure.machine("web"))
            #expect(answer.status == 400)
            #expect(answer.code == "InvalidParameter")
        }
    }

    @Test("calls without a token, with an unknown token, and with an expired token")
    func tokens() async throws {
        try await AzureFixture.run(#"{"token-lifetime": 0.05}"#) { azure in
            for (header, code) in [
                ("", "AuthenticationFailedInvalidHeader"), ("Basic x", "AuthenticationFailedInvalidHeader"),
                ("Bearer x", "InvalidAuthenticationToken"),
            ] {
                let answer = try await azure.arm("GET", vms, headers: ["Authorization": header])
                #expect(answer.status == 401)
                #expect(answer.code == code)
                #expect(answer.headers["WWW-Authenticate"]?.hasPrefix("Bearer authorization_uri=") == true)
                #expect(answer.headers["x-ms-failure-cause"] == "gateway")
            }
            let none = try await azure.send("GET", azure.full(vms) + "?api-version=2024-07-01")
            #expect(none.code == "AuthenticationFailed")
            try await azure.loop.sleep(for: .milliseconds(60))
            #expect(try await azure.arm("GET", vms).code == "ExpiredAuthenticationToken")
        }
    }

    @Test("a token for the wrong tenant, client, secret or scope, with Entra's numbers")
    func logins() async throws {
        try await AzureFixture.run(options: { $0.acceptsAnyIdentity = true }) { azure in
            func number(_ answer: AzureFixture.Answer) -> Int64? {
                answer.json["error_codes"]?.arrayValue?.first?.integerValue
            }
            let secret = try await azure.askToken(secret: "wrong")
            #expect(secret.status == 401)
            #expect(number(secret) == 7_000_215)
            #expect(number(try await azure.askToken(secret: "expired")) == 7_000_222)
            #expect(number(try await azure.askToken(tenant: "unknown")) == 90002)
            #expect(number(try await azure.askToken(client: "unknown")) == 700_016)
            #expect(!secret.text.contains(azure.azure.account.clientSecret.reveal()))
            let empty = try await azure.send("POST", "/\(azure.azure.account.tenantID)/oauth2/v2.0/token")
            #expect(number(empty) == 900_144)
            let account = azure.azure.account
            for (assertion, expected) in [("a.b.c", nil), ("abc", 50027), ("a.b.expired", 700_024)]
                as [(String, Int64?)]
            {
                let form =
                    "client_id=\(account.clientID)&grant_type=client_credentials&client_assertion=\(assertion)"
                    + "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                    + "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
                let answer = try await azure.send(
                    "POST", "/\(account.tenantID)/oauth2/v2.0/token", body: Array(form.utf8))
                #expect(number(answer) == expected)
                #expect((answer.status == 200) == (expected == nil))
            }
        }
    }

    @Test("a client without the account's secret, which differs in each fake Azure")
    func strangers() async throws {
        #expect(FakeAzureOptions().clientSecret != FakeAzureOptions().clientSecret)
        #expect(FakeAzureOptions().clientSecret.reveal().utf8.count >= 32)
        try await AzureFixture.run { azure in
            let account = azure.azure.account
            #expect(try await azure.askToken(secret: "fake-azure-secret").status == 401)
            // The other ways to a token that are open to any user of this machine.
            let form =
                "client_id=\(account.clientID)&grant_type=client_credentials&client_assertion=a.b.c"
                + "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                + "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
            let assertion = try await azure.send(
                "POST", "/\(account.tenantID)/oauth2/v2.0/token", body: Array(form.utf8))
            #expect(assertion.status == 401 && assertion.json["access_token"] == nil)
            let identity = try await azure.send(
                "GET",
                "\(account.metadataEndpoint)/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://x",
                headers: ["Metadata": "true"])
            #expect(identity.status == 400 && identity.json["access_token"] == nil)
        }
    }

    @Test("versions, subscriptions and groups that do not exist")
    func places() async throws {
        try await AzureFixture.run { azure in
            let path = azure.full(vms)
            let token = azure.token.withLock { $0 }
            let none = try await azure.send("GET", path, headers: ["Authorization": "Bearer \(token)"])
            #expect(none.code == "MissingApiVersionParameter")
            #expect(try await azure.arm("GET", vms, version: "x").code == "InvalidApiVersionParameter")
            #expect(try await azure.arm("GET", vms, version: "2012-01-01").code == "NoRegisteredProviderFound")
            #expect(try await azure.arm("GET", vms, version: "2026-04-01").status == 200)
            let other = try await azure.arm("GET", "/subscriptions/other/providers/\(vms)")
            #expect(other.status == 404)
            #expect(other.code == "SubscriptionNotFound")
            let group = try await azure.arm(
                "GET", "/subscriptions/\(azure.azure.account.subscriptionID)/resourcegroups/other/providers/\(vms)")
            #expect(group.code == "ResourceGroupNotFound")
            #expect(group.message == "Resource group 'other' could not be found.")
            #expect(try await azure.arm("POST", vms).status == 405)
        }
    }

    @Test("VMs without quota, capacity or permission")
    func room() async throws {
        let scenario = """
            {"quota": {"families": {"standardDCEV6Family": 3}}, "permissions": ["*/read", "Microsoft.Compute/*/write", "*/join/action"],
             "capacity": [{"size": "Standard_EC2es_v6", "machines": 0, "refusal": "sku"}],
             "restrictions": [{"size": "Standard_DC2eds_v6", "zones": ["3"]}]}
            """
        try await AzureFixture.run(scenario) { azure in
            try await azure.make("one")
            let quota = try await azure.arm("PUT", "\(vms)/two", body: azure.machine("two"))
            #expect(quota.status == 409)
            #expect(quota.code == "OperationNotAllowed")
            #expect(quota.message.contains("exceeding approved standardDCEV6Family Cores quota"))
            #expect(quota.message.contains("Current Limit: 3, Current Usage: 2, Additional Required: 2"))
            var body = azure.machine("two")
            body.set("properties.hardwareProfile.vmSize", "Standard_EC2es_v6")
            let capacity = try await azure.arm("PUT", "\(vms)/two", body: body)
            #expect(capacity.status == 409)
            #expect(capacity.code == "SkuNotAvailable")
            body.set("properties.hardwareProfile.vmSize", "Standard_DC2eds_v6")
            body.set("zones", ["3"])
            #expect(try await azure.arm("PUT", "\(vms)/two", body: body).code == "SkuNotAvailable")
            let right = try await azure.arm("DELETE", "\(vms)/one")
            #expect(right.status == 403)
            #expect(right.code == "AuthorizationFailed")
            #expect(right.message.contains("'Microsoft.Compute/virtualMachines/delete'"))
        }
    }

    @Test("a VM in a subnet that the account may not use")
    func linked() async throws {
        try await AzureFixture.run(#"{"permissions": ["*/read", "Microsoft.Compute/*"]}"#) { azure in
            let answer = try await azure.arm("PUT", "\(vms)/web", body: azure.machine("web"))
            #expect(answer.status == 403)
            #expect(answer.code == "LinkedAuthorizationFailed")
        }
    }
}
