import AzureDoubles
import AzureProvider
import Doubles
import HTTPTransport
import JSON
import PodVMLifecycle
import Testing

@Suite("Deleting a VM as it was listed")
struct ListedDeletionTests {
    private typealias Fixture = ProviderFixture
    private static let gone = ScriptedARM.Reply.refusal(404, "ResourceNotFound")
    private static let path = "\(Example.group)/Microsoft.Compute/virtualMachines/podvm-nginx-0a1b2c3d"

    private static func listed(sandbox: String? = nil, vmID: String? = "id-1") -> ListedInstance {
        ListedInstance(
            id: Example.vm, tags: sandbox.map { [InstanceTags.sandbox: $0] } ?? [:], vmID: vmID)
    }

    @Test("also deletes a VM without our tags, and returns once VM, interface and disk are gone")
    func untagged() async throws {
        let azure = try Fixture()
        azure.arm.on(
            "GET", Fixture.vm, .json(200, Fixture.machine("Succeeded", sandbox: nil, vmID: "id-1")), Self.gone)
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running]))
        try await azure.provider.deleteInstance(Self.listed())
        #expect(azure.calls.filter { $0.hasPrefix("DELETE") } == ["DELETE podvm-nginx-0a1b2c3d"])
        #expect(azure.calls.suffix(2) == ["GET podvm-nginx-0a1b2c3d-net", "GET podvm-nginx-0a1b2c3d-disk"])
    }

    @Test("leaves a VM alone that has another id or other tags now", arguments: [0, 1, 2])
    func changed(index: Int) async throws {
        let now = [
            Fixture.machine("Succeeded", sandbox: nil, vmID: "id-2"),
            Fixture.machine("Succeeded", sandbox: "other", vmID: "id-1"),
            Fixture.machine("Succeeded", sandbox: nil),
        ]
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, .json(200, now[index]))
        let error = await azure.failure { try await azure.provider.deleteInstance(Self.listed()) }
        #expect(error?.code == .foreign)
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
    }

    @Test("does not delete an interface that the tags of another sandbox name")
    func foreignPart() async throws {
        let azure = try Fixture()
        let part: JSONValue = ["name": "x", "tags": ["peerpods-sandbox": "other"], "properties": [:]]
        azure.arm.on("GET", Fixture.vm, Self.gone)
        azure.arm.on("GET", Fixture.nic, .json(200, part))
        try await azure.provider.deleteInstance(Self.listed())
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
    }

    @Test("a VM is read by its resource id; only ARM's own 404 says that it does not exist")
    func reading() async throws {
        let azure = try Fixture()
        azure.arm.on(
            "GET", Fixture.vm, .json(200, Fixture.machine("Succeeded", vmID: "id-1")), Self.gone,
            .refusal(404, "ResourceGroupNotFound"))
        let found = try await azure.provider.instance(at: Self.path.uppercasingGroup)
        #expect(found == Self.listed(sandbox: "0a1b2c3d4e5f"))
        let missing = try await azure.provider.instance(at: Self.path)
        #expect(missing == nil)
        let error = await azure.failure { _ = try await azure.provider.instance(at: Self.path) }
        #expect(error != nil, "a missing resource group says nothing about the VM")
    }

    @Test(
        "a path outside of the configured subscription and resource group, or not of a VM, is refused without a request",
        arguments: [
            "", "podvm-nginx-0a1b2c3d", "/subscriptions/x", path + "/extensions/e", path + "/../other",
            path.replacing("/resourceGroups/", with: "/resourceGroups/another-"),
            path.replacing("/subscriptions/", with: "/subscriptions/another-"),
            path.replacing("virtualMachines", with: "disks"),
        ])
    func foreign(path: String) async throws {
        let azure = try Fixture()
        let error = await azure.failure { _ = try await azure.provider.instance(at: path) }
        #expect(error?.code == .foreign)
        #expect(azure.calls.isEmpty)
    }
}

extension String {
    /// The id with another case of the resource group, which Azure ignores.
    fileprivate var uppercasingGroup: String {
        replacing("/resourceGroups/", with: "/RESOURCEGROUPS/")
    }
}
