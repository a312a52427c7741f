import AzureDoubles
import Doubles
import JSON
import LinuxIO
import PodVMLifecycle
import Testing

@testable import AzureProvider

@Suite("The watch over a VM that is being dialed")
struct ProvisionWatchTests {
    private typealias Fixture = ProviderFixture

    private func created(_ change: (inout AzureOptions) -> Void = { _ in }) async throws -> (
        Fixture, any InstanceCreation
    ) {
        let azure = try Fixture(Example.skus, change)
        azure.accept()
        azure.address(Fixture.hasAddress)
        let creation = azure.provider.createInstance(for: azure.sandbox, from: azure.spec)
        let instance = try await creation.instance()
        #expect(instance.id == Example.vm && instance.addresses == ["10.0.0.4"])
        return (azure, creation)
    }

    /// The watch over a VM that this process has not created.
    private func provision(_ azure: Fixture) async throws {
        do throws(CreationFailure) {
            try await ProvisionWatch(context: azure.provider.context, id: Example.vm).run()
        } catch {
            guard case .azure(let fault) = error else { throw error }
            throw ProviderError(fault, during: "provision VM \(Example.vm)")
        }
    }

    private func powerWatch(_ azure: Fixture) -> PowerWatch {
        PowerWatch(context: azure.provider.context, id: Example.vm)
    }

    @Test("polls the operation at the interval that Azure gives, and ends when the operation ends")
    func good() async throws {
        let (azure, creation) = try await created()
        azure.arm.on("GET", Fixture.operation, Fixture.status("InProgress"), Fixture.status("Succeeded"))
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded")))
        try await creation.provisioned()
        #expect(azure.calls.count == 2 + 3)
        #expect(azure.clock.naps.suffix(2) == [.seconds(10), .seconds(10)])
    }

    @Test("replaces the VM in another placement when there is one, and sends no request before the next call")
    func elsewhere() async throws {
        let (azure, creation) = try await created { $0.zones = ["1", "2"] }
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "ZonalAllocationFailed", "zone 1 is full"))
        let error = try await creation.replaced()
        #expect(error.code == .outOfCapacity && error.detail.contains("zone 1 is full"))
        #expect(azure.places == ["Standard_DC2es_v6/1"])
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") }, "the lifecycle records the replacement first")
        azure.arm.on("DELETE", Fixture.vm, .empty(204))
        azure.arm.on("GET", Fixture.nic, .refusal(404, "ResourceNotFound"), Fixture.hasAddress)
        #expect(try await creation.instance().addresses == ["10.0.0.4"])
        #expect(azure.places == ["Standard_DC2es_v6/1", "Standard_DC2es_v6/2"])
        #expect(azure.calls.contains("DELETE podvm-nginx-0a1b2c3d"))
    }

    @Test("ends with every try's error after six VMs that Azure did not bring up, and then reports the same again")
    func limit() async throws {
        let (azure, creation) = try await created { options in
            options.zones = ["1", "2", "3"]
            options.instanceSizes = ["Standard_EC2es_v6"]
        }
        // Worth one more try in the same place, so that two sizes in three zones are more places than tries.
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "OSProvisioningTimedOut", "too slow"))
        azure.arm.on("DELETE", Fixture.vm, .empty(204))
        let missing = ScriptedARM.Reply.refusal(404, "ResourceNotFound")
        azure.arm.on(
            "GET", Fixture.nic, missing, Fixture.hasAddress, missing, Fixture.hasAddress, missing, Fixture.hasAddress,
            missing, Fixture.hasAddress, missing, Fixture.hasAddress, missing)
        for _ in 0..<5 {
            #expect(try await creation.replaced().detail.contains("too slow"))
            #expect(try await creation.instance().addresses == ["10.0.0.4"])
        }
        let error = try #require(await azure.failure { try await creation.provisioned() })
        #expect(error.code == .operationFailed)
        #expect(error.detail.contains("try 6, ") && !error.detail.contains("try 7, "), "\(error.detail)")
        #expect(azure.places.count == 6)
        #expect(await azure.failure { try await creation.provisioned() }?.detail == error.detail)
        #expect(azure.places.count == 6)
    }

    @Test("reports every try when there is no other placement")
    func nowhere() async throws {
        let (azure, creation) = try await created()
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "AllocationFailed", "full"))
        let error = await azure.failure { try await creation.provisioned() }
        #expect(error?.code == .outOfCapacity && error?.advice == .retry(after: .seconds(60)))
        #expect(error?.detail.contains("AllocationFailed: full (request id req-AllocationFailed") == true)
    }

    @Test("reads the VM itself after a restart, and why it failed")
    func restarted() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded")))
        try await provision(azure)
        #expect(azure.calls.count == 1)
        var failed = JSONObject(Fixture.machine("Failed").objectValue?.entries.map { ($0.key, $0.value) } ?? [])
        failed["properties"] =
            [
                "provisioningState": "Failed",
                "instanceView": [
                    "statuses": [["code": "ProvisioningState/failed/OSProvisioningTimedOut", "message": "too slow"]]
                ],
            ] as JSONValue
        azure.arm.on("GET", Fixture.vm, .json(200, .object(failed)))
        let error = await azure.failure { try await provision(azure) }
        #expect(error?.detail.contains("OSProvisioningTimedOut: too slow") == true)
    }

    @Test("continues while Azure does not answer, because the VM may run nevertheless")
    func unreachable() async throws {
        let (azure, creation) = try await created()
        azure.arm.on(
            "GET", Fixture.operation, .broken, .bytes(502, "text/html", "<h1>proxy</h1>"), Fixture.status("Succeeded"))
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded")))
        try await creation.provisioned()
    }

    /// A VM as ARM tells of it with its instance view.
    private static func machine(power: String?, state: String = "Succeeded") -> ScriptedARM.Reply {
        var statuses: [JSONValue] = [["code": "ProvisioningState/succeeded", "level": "Info"]]
        if let power { statuses.append(["code": .string("PowerState/\(power)"), "level": "Info"]) }
        var machine = JSONObject(Fixture.machine(state).objectValue?.entries.map { ($0.key, $0.value) } ?? [])
        machine["properties"] =
            ["provisioningState": .string(state), "instanceView": ["statuses": .array(statuses)]] as JSONValue
        return .json(200, .object(machine))
    }

    @Test(
        "reports at once why a created VM does not run any more",
        arguments: [
            (machine(power: "stopped"), "PowerState/stopped"), (machine(power: "deallocating"), "deallocated"),
            (machine(power: "deallocated"), "eviction"), (.refusal(404, "ResourceNotFound"), "the VM is gone"),
            (machine(power: "running", state: "Deleting"), "is being deleted"),
            (machine(power: "running", state: "Failed"), "provisioning state is Failed"),
        ] as [(ScriptedARM.Reply, String)])
    func lost(reply: ScriptedARM.Reply, words: String) async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, Self.machine(power: "running"), reply)
        let error = await azure.failure { try await powerWatch(azure).run() }
        #expect(error?.code == .operationFailed)
        #expect(error?.detail.contains(words) == true, "\(String(describing: error))")
        #expect(error?.advice != .retry(after: .zero), "no other placement is left")
        #expect(
            azure.arm.calls.filter { $0.hasPrefix("GET") }.allSatisfy {
                $0.contains("$expand=instanceView") || $0.contains("%24expand=instanceView")
            })
        #expect(azure.calls.count { $0.hasPrefix("GET") } == 2)
    }

    @Test("reads the power state with growing pauses, and continues while Azure does not answer or does not know it")
    func growingPauses() async throws {
        let azure = try Fixture()
        azure.arm.on(
            "GET", Fixture.vm, Self.machine(power: "starting"), Self.machine(power: nil), .broken, .broken, .broken,
            .broken, Self.machine(power: "unknown"), Self.machine(power: "stopping"), Self.machine(power: "running"),
            Self.machine(power: "stopped"))
        let begun = azure.clock.now
        let error = await azure.failure { try await powerWatch(azure).run() }
        #expect(error?.detail.contains("PowerState/stopped") == true)
        let naps = azure.clock.naps.filter { $0 >= .seconds(5) }
        #expect(naps.prefix(4) == [.seconds(5), .seconds(10), .seconds(20), .seconds(30)])
        #expect(naps.suffix(2) == [.seconds(5), .seconds(10)], "after it was stopping it is looked at soon")
        #expect(begun.duration(to: azure.clock.now) < .seconds(300))
    }

    @Test("only logs that it has no permission to read the power state")
    func noRight() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, .refusal(403, "AuthorizationFailed", "no right"))
        try await powerWatch(azure).run()
        #expect(
            azure.log.contains {
                $0.contains("Could not read the VM's power state") && $0.contains("AuthorizationFailed")
            })
    }

    @Test("stops when it is cancelled")
    func cancelled() async throws {
        let (azure, creation) = try await created()
        azure.arm.on("GET", Fixture.operation, .hang)
        let work = Task { await azure.failure { try await creation.provisioned() } }
        while !azure.calls.contains("GET op1") { await Task.yield() }
        work.cancel()
        #expect(await work.value?.code == .cancelled)
    }
}
