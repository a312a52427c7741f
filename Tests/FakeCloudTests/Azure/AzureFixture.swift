import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import TestSupport
import Testing

@testable import FakeCloud

/// A fake Azure with record-only machines, and a client.
struct AzureFixture: Sendable {
    let azure: FakeAzure
    let machines: RecordOnlyMachines
    let client: HTTPClient
    let loop: EpollLoop
    let token: Lock<String>

    /// The answer.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: [UInt8]

        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        var code: String { json["error"]?["code"]?.stringValue ?? "" }
        var message: String { json["error"]?["message"]?.stringValue ?? "" }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// Runs `body` against a fake Azure with these options and this scenario; the client already has a token.
    static func run(
        _ scenario: String = "{}", options change: (inout FakeAzureOptions) -> Void = { _ in },
        machines: RecordOnlyMachines = RecordOnlyMachines(),
        _ body: @escaping @Sendable (AzureFixture) async throws -> Void
    ) async throws {
        var options = FakeAzureOptions()
        options.scenario = try AzureScenario(parsing: Array(scenario.utf8))
        change(&options)
        let fixed = options
        try await onLoop { loop in
            let azure = try FakeAzure(fixed, machines: machines, on: loop)
            let client = try HTTPClient(on: loop)
            let fixture = AzureFixture(
                azure: azure, machines: machines, client: client, loop: loop, token: Lock(""))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await azure.run() }
                group.addTask { try await client.run() }
                group.addTask {
                    try await withDeadline(.now.advanced(by: .seconds(30)), on: loop) {
                        try await fixture.login()
                        try await body(fixture)
                    }
                }
                try await group.next()
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
        }
    }

    /// A raw request, of a path below the endpoint.
    func send(
        _ method: String, _ path: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) async throws -> Answer {
        let base = path.hasPrefix("http") ? "" : azure.account.managementEndpoint
        var headers = headers
        if path.hasPrefix("/control"), headers["Authorization"] == nil {
            headers.add("Authorization", "Bearer \(azure.account.clientSecret.reveal())")
        }
        var request = OutgoingRequest(method, base + path, headers: headers, body: body)
        request.usesProxy = false
        let response = try await client.send(request)
        return Answer(status: response.status, headers: response.headers, body: response.body)
    }

    /// A call of ARM with the token; a path that does not begin with a slash is one of the group's resources.
    func arm(
        _ method: String, _ path: String, query: String = "", version: String = "2024-07-01",
        headers: HTTPHeaders = [:], body: JSONValue? = nil
    ) async throws -> Answer {
        var fields = headers
        if fields["Authorization"] == nil { fields.add("Authorization", "Bearer \(token.withLock { $0 })") }
        fields.add("x-ms-client-request-id", "test")
        if body != nil { fields.add("Content-Type", "application/json") }
        let whole =
            path.hasPrefix("http") ? path : "\(full(path))?api-version=\(version)" + (query.isEmpty ? "" : "&\(query)")
        return try await send(method, whole, headers: fields, body: body?.encoded() ?? [])
    }

    /// The path of a resource named by its type and name.
    func full(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        let account = azure.account
        return "/subscriptions/\(account.subscriptionID)/resourceGroups/\(account.resourceGroup)/providers/\(path)"
    }

    func login(secret: String? = nil) async throws {
        let answer = try await askToken(secret: secret)
        guard let token = answer.json["access_token"]?.stringValue else { throw NoToken(answer: answer.text) }
        self.token.withLock { $0 = token }
    }

    struct NoToken: Error { let answer: String }

    func askToken(
        tenant: String? = nil, client: String? = nil, secret: String? = nil, extra: String = ""
    ) async throws -> Answer {
        let account = azure.account
        let form =
            "client_id=\(client ?? account.clientID)&grant_type=client_credentials"
            + "&client_secret=\(secret ?? account.clientSecret.reveal())"
            + "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default\(extra)"
        return try await send(
            "POST", "/\(tenant ?? account.tenantID)/oauth2/v2.0/token",
            headers: ["Content-Type": "application/x-www-form-urlencoded"], body: Array(form.utf8))
    }

    /// Polls an operation until it has ended.
    func finish(_ answer: Answer) async throws -> JSONValue {
        let url = try #require(answer.headers["Azure-AsyncOperation"])
        while true {
            let status = try await arm("GET", url)
            #expect(status.status == 200)
            if status.json["status"]?.stringValue != "InProgress" { return status.json }
            try await loop.sleep(for: .milliseconds(10))
        }
    }

    /// Creates a VM, and returns when its operation has ended.
    @discardableResult
    func make(_ name: String, _ change: (inout JSONValue) -> Void = { _ in }) async throws -> JSONValue {
        var body = machine(name)
        change(&body)
        let put = try await arm("PUT", "Microsoft.Compute/virtualMachines/\(name)", body: body)
        try #require(put.status == 201, "\(put.text)")
        return try await finish(put)
    }

    /// The names of all resources, by type.
    func everything() async throws -> [String: [String]] {
        let state = try await send("GET", "/control/state").json
        var names: [String: [String]] = [:]
        for resource in state["resources"]?.arrayValue ?? [] {
            names[resource["type"]?.stringValue ?? "", default: []].append(resource["name"]?.stringValue ?? "")
        }
        return names
    }

    /// The body of a valid PUT.
    func machine(_ name: String) -> JSONValue {
        let account = azure.account
        return [
            "location": "eastus", "tags": ["peerpod": "yes"],
            "properties": [
                "hardwareProfile": ["vmSize": "Standard_DC2es_v6"],
                "securityProfile": [
                    "securityType": "ConfidentialVM",
                    "uefiSettings": ["secureBootEnabled": false, "vTpmEnabled": true],
                ],
                "storageProfile": [
                    "imageReference": ["id": .string(account.imageID)],
                    "osDisk": [
                        "name": .string("\(name)-disk"), "createOption": "FromImage", "caching": "ReadWrite",
                        "deleteOption": "Delete",
                        "managedDisk": [
                            "storageAccountType": "Premium_LRS",
                            "securityProfile": ["securityEncryptionType": "VMGuestStateOnly"],
                        ],
                    ],
                ],
                "osProfile": [
                    "computerName": .string(name), "adminUsername": "peerpod",
                    "linuxConfiguration": [
                        "disablePasswordAuthentication": true,
                        "ssh": [
                            "publicKeys": [
                                [
                                    "path": "/home/peerpod/.ssh/authorized_keys",
                                    "keyData": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
                                ]
                            ]
                        ],
                    ],
                ],
                "networkProfile": [
                    "networkApiVersion": "2020-11-01",
                    "networkInterfaceConfigurations": [
                        [
                            "name": .string("\(name)-net"),
                            "properties": [
                                "primary": true, "deleteOption": "Delete",
                                "networkSecurityGroup": ["id": .string(account.securityGroupID)],
                                "ipConfigurations": [
                                    [
                                        "name": "ip-config",
                                        "properties": [
                                            "primary": true, "subnet": ["id": .string(account.subnetID)],
                                        ],
                                    ]
                                ],
                            ],
                        ]
                    ],
                ],
                "diagnosticsProfile": ["bootDiagnostics": ["enabled": true]],
                "userData": "aGVsbG8=",
            ],
        ]
    }
}

extension JSONValue {
    /// Changes the value at a path of keys and indices; nil removes it.
    mutating func set(_ path: String, _ value: JSONValue?) { self = changed(path.split(separator: ".")[...], value) }

    private func changed(_ path: ArraySlice<Substring>, _ value: JSONValue?) -> JSONValue {
        guard let first = path.first else { return value ?? .null }
        let rest = path.dropFirst()
        switch self {
        case .object(var members):
            let key = String(first)
            if rest.isEmpty {
                members[key] = value
            } else {
                members[key] = (members[key] ?? .object(JSONObject())).changed(rest, value)
            }
            return .object(members)
        case .array(var elements):
            guard let index = Int(first), elements.indices.contains(index) else { return self }
            elements[index] = elements[index].changed(rest, value)
            return .array(elements)
        default: return self
        }
    }

    /// The value at a path of keys and indices.
    func at(_ path: String) -> JSONValue? {
        var value: JSONValue? = self
        for part in path.split(separator: ".") {
            if let index = Int(part), let elements = value?.arrayValue {
                value = elements.indices.contains(index) ? elements[index] : nil
            } else {
                value = value?[String(part)]
            }
        }
        return value
    }
}
