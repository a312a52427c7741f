import HTTPTransport
import JSON
import LinuxIO
import Testing

@testable import FakeCloud

private let vms = "Microsoft.Compute/virtualMachines"
private let nics = "Microsoft.Network/networkInterfaces"

@Suite("A fake Azure's VMs") struct AzureMachineTests {
    @Test("a VM is created, read, found by its address, and deleted with all its parts")
    func life() async throws {
        try await AzureFixture.run { azure in
            let put = try await azure.arm("PUT", "\(vms)/web", body: azure.machine("web"))
            #expect(put.status == 201)
            #expect(put.json.at("properties.provisioningState") == "Creating")
            #expect(put.json.at("properties.userData") == nil)
            #expect(put.headers["Retry-After"] == "1")
            #expect(put.headers["Location"] == nil)
            #expect(put.headers["x-ms-request-id"] != nil)
            let operation = try await azure.finish(put)
            #expect(operation["status"] == "Succeeded")
            #expect(operation["endTime"]?.stringValue?.hasSuffix("Z") == true)

            let vm = try await azure.arm("GET", "\(vms)/WEB", query: "%24expand=userData")
            #expect(vm.json.at("properties.provisioningState") == "Succeeded")
            #expect(vm.json.at("properties.userData") == "aGVsbG8=")
            #expect(vm.headers["ETag"] == "\"2\"")
            let nicID = try #require(vm.json.at("properties.networkProfile.networkInterfaces.0.id")?.stringValue)
            let nic = try await azure.arm("GET", nicID, version: "2024-03-01")
            let address = nic.json.at("properties.ipConfigurations.0.properties.privateIPAddress")
            #expect(address?.stringValue?.hasPrefix("10.") == true)
            #expect(nic.json.at("properties.virtualMachine.id") == vm.json["id"])

            let spec = try #require(azure.machines.spec("web"))
            let userData = try await azure.send(
                "GET",
                "\(spec.metadataEndpoint)/metadata/instance/compute/userData?api-version=2021-01-01&format=text",
                headers: ["Metadata": "true"])
            #expect(userData.text == "aGVsbG8=")

            let deletion = try await azure.arm("DELETE", "\(vms)/web", query: "forceDeletion=true")
            #expect(deletion.status == 202)
            #expect(deletion.body.isEmpty)
            let location = try #require(deletion.headers["Location"])
            #expect(try await azure.finish(deletion)["status"] == "Succeeded")
            #expect(try await azure.arm("GET", location).status == 204)
            #expect(try await azure.arm("GET", "\(vms)/web").code == "ResourceNotFound")
            #expect(try await azure.arm("GET", nicID).status == 404)
            #expect(try await azure.everything() == [:])
            #expect(azure.machines.count == 0)
            #expect(try await azure.arm("DELETE", "\(vms)/web").status == 204)
        }
    }

    @Test("parts without deleteOption Delete stay unattached, and can then be deleted")
    func leftovers() async throws {
        try await AzureFixture.run { azure in
            try await azure.make("web") { body in
                body.set("properties.storageProfile.osDisk.deleteOption", nil)
                body.set(
                    "properties.networkProfile.networkInterfaceConfigurations.0.properties.deleteOption", "Detach")
            }
            let inUse = try await azure.arm("DELETE", "\(nics)/web-net", version: "2024-03-01")
            #expect(inUse.code == "NicInUse")
            #expect(
                try await azure.arm("DELETE", "Microsoft.Compute/disks/web-disk").code == "OperationNotAllowed")
            _ = try await azure.finish(try await azure.arm("DELETE", "\(vms)/web"))
            #expect(
                try await azure.everything() == [
                    "Microsoft.Compute/disks": ["web-disk"], nics: ["web-net"],
                ])
            let disk = try await azure.arm("GET", "Microsoft.Compute/disks/web-disk", version: "2024-03-02")
            #expect(disk.json.at("properties.diskState") == "Unattached")
            #expect(
                disk.json.at("properties.securityProfile.securityType")
                    == "ConfidentialVM_VMGuestStateOnlyEncryptedWithPlatformKey")
            for path in ["\(nics)/web-net", "Microsoft.Compute/disks/web-disk"] {
                let deletion = try await azure.arm("DELETE", path, version: "2024-03-02")
                #expect(deletion.status == 202)
                #expect(try await azure.finish(deletion)["status"] == "Succeeded")
            }
            #expect(try await azure.everything() == [:])
        }
    }

    @Test("lists are paged, and the pages together have each VM once")
    func pages() async throws {
        try await AzureFixture.run(#"{"page-size": 2}"#) { azure in
            for name in ["a", "b", "c", "d", "e"] { try await azure.make(name) }
            var names: [String] = []
            var next: String? = vms
            while let page = next {
                let answer = try await azure.arm("GET", page)
                names += (answer.json["value"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
                next = answer.json["nextLink"]?.stringValue
            }
            #expect(names == ["a", "b", "c", "d", "e"])
        }
    }

    @Test("a PUT of an existing VM changes nothing; a PUT that would change fixed properties is refused")
    func again() async throws {
        try await AzureFixture.run { azure in
            try await azure.make("web")
            var body = azure.machine("web")
            let same = try await azure.arm("PUT", "\(vms)/web", body: body)
            #expect(same.status == 200)
            #expect(same.json.at("properties.provisioningState") == "Updating")
            #expect(same.headers["Azure-AsyncOperation"] == nil)
            body.set("properties.osProfile.adminUsername", "other")
            body.set(
                "properties.osProfile.linuxConfiguration.ssh.publicKeys.0.path", "/home/other/.ssh/authorized_keys")
            let other = try await azure.arm("PUT", "\(vms)/web", body: body)
            #expect(other.status == 409)
            #expect(other.code == "PropertyChangeNotAllowed")
            #expect(other.message == "Changing property 'osProfile' is not allowed.")
            let exclusive = try await azure.arm(
                "PUT", "\(vms)/web", headers: ["If-None-Match": "*"], body: azure.machine("web"))
            #expect(exclusive.status == 412)
            #expect(exclusive.code == "PreconditionFailed")
        }
    }

    @Test("user data and tags change on a running VM")
    func patch() async throws {
        try await AzureFixture.run { azure in
            try await azure.make("web")
            let patch = try await azure.arm(
                "PATCH", "\(vms)/web", body: ["tags": ["a": "b"], "properties": ["userData": "bmV3"]])
            #expect(patch.status == 200)
            #expect(try await azure.finish(patch)["status"] == "Succeeded")
            let vm = try await azure.arm("GET", "\(vms)/web", query: "$expand=userData")
            #expect(vm.json["tags"] == ["a": "b"])
            #expect(vm.json.at("properties.userData") == "bmV3")
            let size = try await azure.arm(
                "PATCH", "\(vms)/web", body: ["properties": ["osProfile": ["computerName": "x"]]])
            #expect(size.code == "PropertyChangeNotAllowed")
        }
    }

    @Test("a failed operation leaves the VM, its disk and its interface, until they are deleted")
    func failure() async throws {
        let scenario = #"{"capacity": [{"size": "Standard_DC2es_v6", "machines": 0}]}"#
        try await AzureFixture.run(scenario) { azure in
            let operation = try await azure.make("web")
            #expect(operation["status"] == "Failed")
            #expect(operation.at("error.code") == "AllocationFailed")
            let vm = try await azure.arm("GET", "\(vms)/web", query: "$expand=instanceView")
            #expect(vm.json.at("properties.provisioningState") == "Failed")
            #expect(
                vm.json.at("properties.instanceView.statuses.0.code") == "ProvisioningState/failed/AllocationFailed")
            #expect(try await azure.everything().count == 3)
            _ = try await azure.finish(try await azure.arm("DELETE", "\(vms)/web"))
            #expect(try await azure.everything() == [:])
        }
    }

    @Test("a VM that is deleted during its creation is gone, and the creation ends as cancelled")
    func deletedEarly() async throws {
        try await AzureFixture.run(#"{"delays": {"operation": 100}}"#) { azure in
            let put = try await azure.arm("PUT", "\(vms)/web", body: azure.machine("web"))
            while azure.machines.spec("web") == nil { try await azure.loop.sleep(for: .milliseconds(1)) }
            let deletion = try await azure.arm("DELETE", "\(vms)/web")
            let late = try await azure.arm("PUT", "\(vms)/web", body: azure.machine("web"))
            #expect(late.code == "OperationNotAllowed" || late.status == 201)
            #expect(try await azure.finish(put)["status"] == "Canceled")
            #expect(try await azure.finish(deletion)["status"] == "Succeeded")
        }
    }

    @Test("resources that are deleted with a VM may exist for some time after the VM")
    func lingering() async throws {
        try await AzureFixture.run(#"{"delays": {"linger": 0.05}}"#) { azure in
            try await azure.make("web")
            _ = try await azure.finish(try await azure.arm("DELETE", "\(vms)/web"))
            #expect(try await azure.arm("GET", "\(vms)/web").status == 404)
            #expect(try await azure.arm("GET", "\(nics)/web-net").json.at("properties.virtualMachine") == nil)
            while try await azure.everything() != [:] { try await azure.loop.sleep(for: .milliseconds(5)) }
        }
    }

    @Test("a VM cannot have a disk or an interface with the name of another VM's")
    func conflicts() async throws {
        try await AzureFixture.run { azure in
            try await azure.make("web")
            var body = azure.machine("other")
            body.set("properties.storageProfile.osDisk.name", "web-disk")
            let disk = try await azure.arm("PUT", "\(vms)/other", body: body)
            #expect(disk.status == 409)
            #expect(disk.code == "ConflictingUserInput")
            body = azure.machine("other")
            body.set("properties.networkProfile.networkInterfaceConfigurations.0.name", "web-net")
            #expect(try await azure.arm("PUT", "\(vms)/other", body: body).code == "NicInUse")
        }
    }
}
