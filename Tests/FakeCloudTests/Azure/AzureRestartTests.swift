import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import TestSupport
import Testing

@testable import FakeCloud

private let vms = "Microsoft.Compute/virtualMachines"

@Suite("A fake Azure that is started again") struct AzureRestartTests {
    @Test("has its VMs and their parts, resumes operations, and does not have deleted resources")
    func restart() async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/azure-state-")
        defer { try? Files.removeTree(directory) }
        let machines = RecordOnlyMachines()
        let slow = #"{"delays": {"operation": 0.3, "delete": 0.3}, "throttling": {"on": false}}"#
        let operation = Lock("")
        try await AzureFixture.run(slow, options: { $0.stateDirectory = directory }, machines: machines) { azure in
            for name in ["done", "gone", "Half.Made", "going"] {
                var body = azure.machine("web")
                body.set("properties.networkProfile.networkInterfaceConfigurations.0.name", .string("\(name)-net"))
                body.set("properties.storageProfile.osDisk.name", .string("\(name)-disk"))
                let put = try await azure.arm("PUT", "\(vms)/\(name)", body: body)
                if name != "Half.Made" { _ = try await azure.finish(put) }
                operation.withLock { $0 = put.headers["Azure-AsyncOperation"] ?? "" }
                if name == "gone" { _ = try await azure.finish(try await azure.arm("DELETE", "\(vms)/gone")) }
                if name == "done" {
                    _ = try await azure.finish(
                        try await azure.arm("PATCH", "\(vms)/done", body: ["properties": ["userData": "bmV3"]]))
                }
            }
            let put = try await azure.arm("PUT", "\(vms)/late", body: azure.machine("late"))
            operation.withLock { $0 = put.headers["Azure-AsyncOperation"] ?? "" }
            #expect(try await azure.arm("DELETE", "\(vms)/going").status == 202)
        }
        try Files.write("half".utf8, to: directory + "/x.json.new", at: 0)
        try await AzureFixture.run(slow, options: { $0.stateDirectory = directory }, machines: machines) { azure in
            let done = try await azure.arm("GET", "\(vms)/done", query: "$expand=userData")
            #expect(done.json.at("properties.provisioningState") == "Succeeded")
            #expect(done.json.at("properties.userData") == "bmV3")
            #expect(done.headers["ETag"] == "\"4\"")
            #expect(try await azure.arm("GET", "\(vms)/gone").status == 404)
            // It listens at the same address, so clients that wait for an operation can continue.
            let url = operation.withLock { $0 }
            #expect(try await azure.arm("GET", url).status == 200)
            while try await azure.arm("GET", url).json["status"] == "InProgress" {
                try await azure.loop.sleep(for: .milliseconds(5))
            }
            #expect(try await azure.arm("GET", "\(vms)/late").json.at("properties.provisioningState") == "Succeeded")
            while try await azure.arm("GET", "\(vms)/going").status == 200 {
                try await azure.loop.sleep(for: .milliseconds(50))
            }
            for name in ["done", "half.made", "late"] {
                _ = try await azure.finish(try await azure.arm("DELETE", "\(vms)/\(name)"))
            }
            #expect(try await azure.everything() == [:])
            #expect(machines.count == 0)
        }
        #expect(try Files.list(directory) == [])
    }

    @Test("does not start with files that it cannot parse, and names them")
    func damaged() async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/azure-state-")
        defer { try? Files.removeTree(directory) }
        try Files.write("{\"kind\": \"disks\"}".utf8, to: directory + "/disks.a.b.json", at: 0)
        let error = await #expect(throws: (any Error).self) {
            try await AzureFixture.run(options: { $0.stateDirectory = directory }) { _ in }
        }
        #expect("\(error as Any)".contains("disks.a.b.json is not a resource of a fake Azure"))
    }

    @Test("speaks TLS with a certificate of its authority, and serves metadata without TLS")
    func security() async throws {
        var options = FakeAzureOptions()
        options.usesTLS = true
        let fixed = options
        try await onLoop { loop in
            let azure = try FakeAzure(fixed, machines: RecordOnlyMachines(), on: loop)
            let account = azure.account
            #expect(account.managementEndpoint.hasPrefix("https://localhost:"))
            #expect(account.metadataEndpoint.hasPrefix("http://127.0.0.1:"))
            var trust = HTTPClient.Options()
            trust.authorityFile = account.authorityFile
            let client = try HTTPClient(trust, on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await azure.run() }
                group.addTask { try await client.run() }
                var request = OutgoingRequest(
                    "GET", "\(account.authorityHost)/\(account.tenantID)/v2.0/.well-known/openid-configuration")
                request.usesProxy = false
                let answer = try await client.send(request)
                let endpoint = try JSONValue(parsing: answer.body)["token_endpoint"]?.stringValue
                #expect(endpoint == "\(account.authorityHost)/\(account.tenantID)/oauth2/v2.0/token")
                request = OutgoingRequest(
                    "GET", "\(account.metadataEndpoint)/metadata/versions", headers: ["Metadata": "true"])
                request.usesProxy = false
                #expect(try await client.send(request).status == 200)
                request = OutgoingRequest(
                    "GET", "\(account.metadataEndpoint)/control/state",
                    headers: ["Authorization": "Bearer \(account.clientSecret.reveal())"])
                request.usesProxy = false
                #expect(try await client.send(request).status == 404)
                group.cancelAll()
                while await group.nextResult() != nil {}
            }
            #expect(!Files.exists(account.authorityFile))
        }
    }

    @Test("does not start with a certificate without a key, or with an invalid certificate")
    func certificates() async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/azure-certificate-")
        defer { try? Files.removeTree(directory) }
        try Files.write("no PEM".utf8, to: directory + "/x.pem", at: 0)
        for key in ["", directory + "/x.pem"] {
            await #expect(throws: (any Error).self) {
                try await AzureFixture.run(options: { options in
                    options.usesTLS = true
                    options.certificateFile = directory + "/x.pem"
                    options.keyFile = key
                }) { _ in }
            }
        }
    }
}
