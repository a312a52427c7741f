import AzureDoubles
import AzureProvider
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Testing

@Suite("Deleting a VM on Azure")
struct DeleteTests {
    private typealias Fixture = ProviderFixture
    private static let name = "podvm-nginx-0a1b2c3d"
    private static let gone = ScriptedARM.Reply.refusal(404, "ResourceNotFound")

    private func delete(_ azure: Fixture) async throws {
        try await azure.provider.deleteInstance(Example.vm, of: azure.sandbox)
    }

    @Test("reads the owner, forces the deletion, and returns once VM, interface and disk are gone")
    func good() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded")), Self.gone)
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running]))
        try await delete(azure)
        #expect(
            azure.calls == [
                "GET \(Self.name)", "DELETE \(Self.name)", "GET \(Self.name)", "GET \(Self.name)-net",
                "GET \(Self.name)-disk",
            ])
        #expect(azure.arm.calls[1].contains("forceDeletion=true"))
    }

    @Test("succeeds for a VM that is deleted or never existed")
    func nothing() async throws {
        let azure = try Fixture { $0.usesPublicIP = true }
        try await delete(azure)
        try await delete(azure)
        #expect(
            azure.calls.prefix(4) == [
                "GET \(Self.name)", "GET \(Self.name)-net", "GET \(Self.name)-disk", "GET \(Self.name)-net",
            ])
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
    }

    @Test("polls the operation while the VM still exists, and reads the VM at the end")
    func slow() async throws {
        let azure = try Fixture()
        let there = ScriptedARM.Reply.json(200, Fixture.machine("Deleting"))
        azure.arm.on("GET", Fixture.vm, there, there, Self.gone)
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running, ("Retry-After", "7")]))
        azure.arm.on("GET", Fixture.operation, Fixture.status("InProgress"), Fixture.status("Succeeded"))
        try await delete(azure)
        #expect(azure.calls.filter { $0.contains("op1") }.count == 2)
        #expect(azure.clock.naps.contains(.seconds(7)))
    }

    @Test("reports why the operation failed, and that another try can succeed")
    func operationFails() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Deleting")))
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running]))
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "InternalExecutionError", "a storage fault"))
        let error = await azure.failure { try await delete(azure) }
        #expect(
            error?.detail.contains("InternalExecutionError: a storage fault (request id req-InternalExecutionError")
                == true)
        #expect(error?.advice != .giveUp)
    }

    @Test(
        "leaves a VM alone whose tags name another sandbox or none, and does not report it as deleted",
        arguments: ["other", nil])
    func foreign(owner: String?) async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded", sandbox: owner)))
        let error = await azure.failure { try await delete(azure) }
        #expect(error?.code == .foreign)
        #expect(error?.advice != .giveUp)
        #expect(error?.detail.contains("set the tag to \"0a1b2c3d4e5f\", or delete the VM") == true)
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
    }

    @Test("removes the interface, the disk and the public address that remain after the VM")
    func leftovers() async throws {
        let azure = try Fixture { $0.usesPublicIP = true }
        azure.arm.on("GET", Fixture.nic, .json(200, Fixture.interface("10.0.0.4")), Self.gone)
        azure.arm.on("GET", "/publicIPAddresses/\(Self.name)-net", .json(200, ["name": "x"]), Self.gone)
        azure.arm.on("GET", Fixture.disk, .json(200, ["name": "x", "managedBy": .null]), Self.gone)
        azure.arm.on("DELETE", Fixture.nic, .empty(202, [Fixture.running]))
        azure.arm.on("DELETE", Fixture.disk, .empty(204))
        azure.arm.on("DELETE", "/publicIPAddresses/\(Self.name)-net", .empty(200))
        azure.arm.on("GET", Fixture.operation, Fixture.status("Succeeded"))
        try await delete(azure)
        #expect(azure.calls.count { $0.hasPrefix("DELETE") } == 3)
    }

    @Test("does not delete resources that are attached to another owner's VM")
    func attached() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.nic, .json(200, Fixture.interface("10.0.0.4", vm: "other")))
        azure.arm.on(
            "GET", Fixture.disk,
            .json(200, ["managedBy": .string("\(Example.group)/Microsoft.Compute/virtualMachines/other")]))
        try await delete(azure)
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
    }

    @Test("waits as long as Azure reserves an interface for its deleted VM")
    func reserved() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.nic, .json(200, Fixture.interface("10.0.0.4")))
        azure.arm.on("DELETE", Fixture.nic, .refusal(400, "NicReservedForAnotherVm"))
        let error = await azure.failure { try await delete(azure) }
        #expect(error?.advice == .retry(after: .seconds(180)))
    }

    @Test("does not treat a proxy's 404 as Azure's, nor a missing subscription or resource group as a missing VM")
    func notProven() async throws {
        for reply in [
            ScriptedARM.Reply.bytes(404, "text/html", "<html>no such page</html>"),
            .refusal(404, "SubscriptionNotFound"), .refusal(404, "ResourceGroupNotFound"),
        ] {
            let azure = try Fixture()
            azure.arm.on("GET", Fixture.vm, reply)
            #expect(await azure.failure { try await delete(azure) } != nil)
        }
    }

    @Test("waits for a VM whose request was given up and may still arrive")
    func lateArrival() async throws {
        let azure = try Fixture()
        azure.arm.on("PUT", Fixture.vm, .broken)
        #expect(await azure.failure { _ = try await azure.create() }?.code == .unreachable)
        azure.arm.on("GET", Fixture.vm, Self.gone, .json(200, Fixture.machine()), Self.gone)
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running]))
        try await delete(azure)
        #expect(azure.calls.contains("DELETE \(Self.name)"))
    }

    @Test("sends no request for names that no VM of this project can have")
    func names() async throws {
        let azure = try Fixture()
        for name in ["", "../x", "VM", "a?b", String(repeating: "a", count: 64)] {
            try await azure.provider.deleteInstance(InstanceID(rawValue: name), of: azure.sandbox)
        }
        #expect(azure.arm.requests.isEmpty)
    }
}
