import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import TestSupport
import Testing

@testable import FakeCloud

private let vms = "Microsoft.Compute/virtualMachines"
private let nics = "Microsoft.Network/networkInterfaces"

/// Azure's swagger and the program that validates recordings; they are not part of this repository.
private let specification: String? = {
    let root = Files.parent(of: Files.parent(of: Files.parent(of: Files.parent(of: #filePath))))
    let directory = Environment.all["AZURE_SPEC_DIR"] ?? root + "/../shared/azure-spec"
    return Files.exists(directory + "/check_request.py") ? directory : nil
}()

@Suite("A fake Azure's recording") struct AzureRecordingTests {
    @Test("contains every exchange, and no secret")
    func secrets() async throws {
        try await withRecording { path in
            try await AzureFixture.run(options: {
                $0.recordingFile = path
                $0.clientSecret = Secret("fake-azure-secret")
            }) { azure in
                try await azure.make("web")
                _ = try await azure.arm("GET", "\(vms)/web", query: "$expand=userData")
            }
            let text = String(decoding: try DurableFile.read(path, limit: 1 << 24), as: UTF8.self)
            for secret in ["fake-azure-secret", "eyJ", "aGVsbG8="] {
                #expect(!text.contains(secret), "\(secret) is in the recording")
            }
            let lines = try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            #expect(lines.count >= 4)
            #expect(lines.allSatisfy { $0["method"] != nil && $0["status"] != nil && $0["response_headers"] != nil })
        }
    }

    @Test(
        "is valid against Azure's specification",
        .enabled(if: specification != nil, "AZURE_SPEC_DIR has no check_request.py: what we say is not compared"))
    func isValid() async throws {
        let directory = try #require(specification)
        try await withRecording { path in
            for version in ["2024-07-01", "2026-04-01"] {
                let file = "\(path).\(version)"
                let scenario =
                    #"{"page-size": 2, "faults": [{"do": "fail", "name": "bad", "code": "AllocationFailed"}]}"#
                try await AzureFixture.run(scenario, options: { $0.recordingFile = file }) { azure in
                    try await everything(azure, version)
                }
                try await check(file, directory)
            }
        }
    }

    /// One of each call.
    private func everything(_ azure: AzureFixture, _ version: String) async throws {
        let network = version == "2024-07-01" ? "2024-03-01" : "2026-03-01"
        let storage = version == "2024-07-01" ? "2024-03-02" : "2026-03-02"
        func call(_ method: String, _ path: String, _ version: String, query: String = "", body: JSONValue? = nil)
            async throws -> AzureFixture.Answer
        {
            try await azure.arm(method, path, query: query, version: version, body: body)
        }
        let disk = try await call(
            "PUT", "Microsoft.Compute/disks/data", storage,
            body: [
                "location": "eastus",
                "properties": ["creationData": ["createOption": "Empty"], "diskSizeGB": 4],
            ])
        #expect(disk.status == 202)
        _ = try await azure.finish(disk)
        let dataDisk = azure.full("Microsoft.Compute/disks/data")
        for name in ["a", "b", "c", "bad"] {
            var body = azure.machine(name)
            if name == "a" {
                body.set(
                    "properties.storageProfile.dataDisks",
                    [
                        [
                            "lun": 0, "createOption": "Attach", "deleteOption": "Detach",
                            "managedDisk": ["id": .string(dataDisk)],
                        ]
                    ])
            }
            if name == "b" {
                body.set("zones", ["2"])
                body.set(
                    "properties.networkProfile.networkInterfaceConfigurations.0.properties.ipConfigurations.0"
                        + ".properties.publicIPAddressConfiguration",
                    [
                        "name": "b-ip", "sku": ["name": "Standard", "tier": "Regional"],
                        "properties": ["deleteOption": "Delete", "publicIPAllocationMethod": "Static"],
                    ])
            }
            let put = try await call("PUT", "\(vms)/\(name)", version, body: body)
            #expect(put.status == 201)
            let early = try await call("GET", "\(vms)/\(name)", version, query: "$expand=instanceView")
            #expect(early.status == 200)
            _ = try await azure.finish(put)
            _ = try await call("GET", "\(vms)/\(name)", version)
            _ = try await call("GET", "\(vms)/\(name)", version, query: "$expand=userData")
            _ = try await call("GET", "\(vms)/\(name)/instanceView", version)
            #expect(try await call("GET", "\(nics)/\(name)-net", network).status == 200)
        }
        _ = try await azure.finish(try await call("PATCH", "\(vms)/a", version, body: ["tags": ["x": "y"]]))
        #expect(try await call("PUT", "\(vms)/c", version, body: azure.machine("c")).status == 200)
        #expect(try await call("PUT", "\(vms)/c", version, body: ["location": "eastus"]).status == 400)
        #expect(try await call("GET", "\(vms)/none", version).status == 404)
        #expect(try await call("GET", "Microsoft.Network/publicIPAddresses/b-ip", network).status == 200)
        for (path, version) in [
            (vms, version), (nics, network), ("Microsoft.Network/publicIPAddresses", network),
            ("Microsoft.Compute/disks", storage),
        ] {
            let group = azure.full(path)
            let everywhere = "/subscriptions/\(azure.azure.account.subscriptionID)/providers/\(path)"
            for list in [group, everywhere] {
                let first = try await call("GET", list, version)
                #expect(first.status == 200)
                if let next = first.json["nextLink"]?.stringValue { _ = try await azure.arm("GET", next) }
            }
        }
        let subscription = "/subscriptions/\(azure.azure.account.subscriptionID)/providers"
        for (path, version) in [
            ("Microsoft.Compute/locations/eastus/virtualMachines", version),
            ("Microsoft.Compute/locations/eastus/usages", version),
            ("Microsoft.Compute/locations/eastus/vmSizes", version),
            ("Microsoft.Network/locations/eastus/usages", network),
            ("Microsoft.Compute/skus", "2021-07-01"),
        ] {
            #expect(try await call("GET", "\(subscription)/\(path)", version).status == 200)
        }
        _ = try await call(
            "GET", "\(subscription)/Microsoft.Compute/skus", "2021-07-01", query: "$filter=location%20eq%20%27eastus%27"
        )
        for name in ["a", "b", "c", "bad"] {
            let deletion = try await call("DELETE", "\(vms)/\(name)", version, query: "forceDeletion=true")
            #expect(deletion.status == 202)
            _ = try await azure.finish(deletion)
            _ = try await azure.arm("GET", try #require(deletion.headers["Location"]))
        }
        #expect(try await call("DELETE", "\(vms)/a", version).status == 204)
        let deletion = try await call("DELETE", "Microsoft.Compute/disks/data", storage)
        _ = try await azure.finish(deletion)
        _ = try await azure.arm("GET", try #require(deletion.headers["Location"]))
        #expect(try await azure.everything() == [:])
    }

    private func check(_ file: String, _ directory: String) async throws {
        let report = "\(file).report"
        let status = try await onLoop { loop in
            var options = ChildProcess.Options(
                executable: "python3",
                arguments: [
                    "\(directory)/check_request.py", "--capture", file, "--spec", directory, "--allow-unknown",
                    "--quiet",
                ])
            options.output = .file(path: report)
            return try await ChildProcess.start(options, on: loop).wait()
        }
        let text = String(decoding: try DurableFile.read(report, limit: 1 << 20), as: UTF8.self)
        #expect(status == .exited(0), "\(text)")
        #expect(!text.contains("ERROR") && text.contains(" 0 errors"), "\(text)")
    }

    private func withRecording(_ body: (String) async throws -> Void) async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/azure-recording-")
        defer { try? Files.removeTree(directory) }
        try await body("\(directory)/exchanges.jsonl")
    }
}
