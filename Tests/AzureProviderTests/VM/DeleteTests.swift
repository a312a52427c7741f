import AzureProvider
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

    @Test("reads whose it is, forces it, and returns once VM, interface and disk are no more")
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

    @Test("is done with what is gone, or never was")
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

    @Test("looks after the operation while the VM is still there, and asks for the VM at the end")
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

    @Test("says why the operation failed, and that it is worth another try")
    func operationFails() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Deleting")))
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running]))
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "InternalExecutionError", "a bad day"))
        let error = await azure.failure { try await delete(azure) }
        #expect(
            error?.detail.contains("InternalExecutionError: a bad day (request id req-InternalExecutionError") == true)
        #expect(error?.advice != .giveUp)
    }

    @Test("removes interface, disk and public address that the VM has left behind")
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

    @Test("leaves what is attached to another's VM")
    func attached() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.nic, .json(200, Fixture.interface("10.0.0.4", vm: "somebody")))
        azure.arm.on(
            "GET", Fixture.disk,
            .json(200, ["managedBy": .string("\(Example.group)/Microsoft.Compute/virtualMachines/somebody")]))
        try await delete(azure)
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
    }

    @Test("waits as long as Azure reserves an interface for the VM that it was made for")
    func reserved() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", Fixture.nic, .json(200, Fixture.interface("10.0.0.4")))
        azure.arm.on("DELETE", Fixture.nic, .refusal(400, "NicReservedForAnotherVm"))
        let error = await azure.failure { try await delete(azure) }
        #expect(error?.advice == .retry(after: .seconds(180)))
    }

    @Test("does not take a proxy's 404 for Azure's, nor a missing subscription for a missing VM")
    func notProven() async throws {
        for reply in [
            ScriptedARM.Reply.bytes(404, "text/html", "<html>no such page</html>"),
            .refusal(404, "SubscriptionNotFound"),
        ] {
            let azure = try Fixture()
            azure.arm.on("GET", Fixture.vm, reply)
            #expect(await azure.failure { try await delete(azure) } != nil)
        }
    }

    @Test("waits for a VM whose request was given up and may yet arrive")
    func lateArrival() async throws {
        let azure = try Fixture()
        azure.arm.on("PUT", Fixture.vm, .broken)
        #expect(await azure.failure { _ = try await azure.create() }?.code == .unreachable)
        azure.arm.on("GET", Fixture.vm, Self.gone, .json(200, Fixture.machine()), Self.gone)
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running]))
        try await delete(azure)
        #expect(azure.calls.contains("DELETE \(Self.name)"))
    }

    @Test("asks nothing about names that no VM of ours has")
    func names() async throws {
        let azure = try Fixture()
        for name in ["", "../x", "VM", "a?b", String(repeating: "a", count: 64)] {
            try await azure.provider.deleteInstance(InstanceID(rawValue: name), of: azure.sandbox)
        }
        #expect(azure.arm.requests.isEmpty)
    }
}

@Suite("The watch over a VM that is being dialled")
struct ProvisionWatchTests {
    private typealias Fixture = ProviderFixture

    private func created(_ change: (inout AzureOptions) -> Void = { _ in }) async throws -> (Fixture, Instance) {
        let azure = try Fixture(Example.skus, change)
        azure.accept()
        azure.address(Fixture.hasAddress)
        return (azure, try await azure.provider.createInstance(for: azure.sandbox, from: azure.spec))
    }

    @Test("looks at the operation as often as Azure asks, and ends with it")
    func good() async throws {
        let (azure, instance) = try await created()
        azure.arm.on("GET", Fixture.operation, Fixture.status("InProgress"), Fixture.status("Succeeded"))
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded")))
        try await azure.provider.awaitProvisioned(instance)
        #expect(azure.calls.count == 2 + 3)
        #expect(azure.clock.naps.suffix(2) == [.seconds(10), .seconds(10)])
    }

    @Test("sends the lifecycle to another place at once when there is one")
    func elsewhere() async throws {
        let (azure, instance) = try await created { $0.zones = ["1", "2"] }
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "ZonalAllocationFailed", "zone 1 is full"))
        let error = await azure.failure { try await azure.provider.awaitProvisioned(instance) }
        #expect(error?.code == .outOfCapacity && error?.advice == .retry(after: .zero))
        azure.arm.on("DELETE", Fixture.vm, .empty(204))
        azure.arm.on("GET", Fixture.nic, .refusal(404, "ResourceNotFound"), Fixture.hasAddress)
        #expect(try await azure.create() == ["10.0.0.4"])
        #expect(azure.places == ["Standard_DC2es_v6/1", "Standard_DC2es_v6/2"])
        #expect(azure.calls.contains("DELETE podvm-nginx-0a1b2c3d"))
    }

    @Test("tells the whole story when there is no other place")
    func nowhere() async throws {
        let (azure, instance) = try await created()
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "AllocationFailed", "full"))
        let error = await azure.failure { try await azure.provider.awaitProvisioned(instance) }
        #expect(error?.code == .outOfCapacity && error?.advice == .retry(after: .seconds(60)))
        #expect(error?.detail.contains("AllocationFailed: full (request id req-AllocationFailed") == true)
    }

    @Test("asks the VM itself after a restart, and for why it failed")
    func restarted() async throws {
        let azure = try Fixture()
        let instance = Instance(id: Example.vm, addresses: ["10.0.0.4"])
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded")))
        try await azure.provider.awaitProvisioned(instance)
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
        let error = await azure.failure { try await azure.provider.awaitProvisioned(instance) }
        #expect(error?.detail.contains("OSProvisioningTimedOut: too slow") == true)
    }

    @Test("survives an Azure that does not answer: the VM may run all the same")
    func unreachable() async throws {
        let (azure, instance) = try await created()
        azure.arm.on(
            "GET", Fixture.operation, .broken, .bytes(502, "text/html", "<h1>proxy</h1>"), Fixture.status("Succeeded"))
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded")))
        try await azure.provider.awaitProvisioned(instance)
    }

    @Test("stops when it is cancelled")
    func cancelled() async throws {
        let (azure, instance) = try await created()
        azure.arm.on("GET", Fixture.operation, .hang)
        let work = Task { await azure.failure { try await azure.provider.awaitProvisioned(instance) } }
        while !azure.calls.contains("GET op1") { await Task.yield() }
        work.cancel()
        #expect(await work.value?.code == .cancelled)
    }
}

@Suite("Many who wait for Azure")
struct CrowdTests {
    private typealias Fixture = ProviderFixture

    @Test("share lists of interfaces instead of asking one by one")
    func crowd() async throws {
        let azure = try Fixture()
        let count = 40
        var interfaces: [JSONValue] = []
        azure.arm.on("GET", Fixture.operation, Fixture.status("InProgress"))
        azure.arm.on("GET", "/virtualMachines", .json(200, ["value": []]))
        for number in 0..<count {
            let name = "podvm-many-\(number)"
            azure.arm.on("PUT", "/virtualMachines/\(name)", .json(201, Fixture.machine(name: name), [Fixture.running]))
            var interface = JSONObject(
                Fixture.interface("10.0.1.\(number)").objectValue?.entries.map { ($0.key, $0.value) } ?? [])
            interface["name"] = .string("\(name)-net")
            interfaces.append(.object(interface))
            // As long as it is asked for alone, it is not there.
            azure.arm.on("GET", "/networkInterfaces/\(name)-net", .refusal(404, "ResourceNotFound"))
        }
        azure.arm.on("GET", "/networkInterfaces", .json(200, ["value": .array(interfaces)]))
        let addresses = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<count {
                group.addTask {
                    var spec = azure.spec
                    spec.name = InstanceID(rawValue: "podvm-many-\(number)")
                    return try await azure.provider.createInstance(for: azure.sandbox, from: spec).addresses[0]
                }
            }
            var addresses: Set<String> = []
            for try await address in group { addresses.insert(address) }
            return addresses
        }
        #expect(addresses.count == count)
        let gets = azure.arm.calls.filter { $0.hasPrefix("GET") && !$0.contains("/skus") }
        #expect(gets.count < count * 3, "\(gets.count) GETs for \(count) VMs")
        #expect(azure.arm.calls.contains { $0.contains("/networkInterfaces?") })
    }

    @Test("list this node's VMs by tag, page after page, whatever else there is")
    func instances() async throws {
        let azure = try Fixture()
        let link =
            "https://management.test\(Example.group)/Microsoft.Compute/virtualMachines?api-version=2024-07-01&p=2"
        azure.arm.on(
            "GET", "/Microsoft.Compute/virtualMachines",
            .json(200, ["value": [Fixture.machine(), ["odd": 1]], "nextLink": .string(link)]),
            .json(200, ["value": [Fixture.machine(sandbox: nil), Fixture.machine(sandbox: "b", name: "podvm-b")]]))
        let listed = try await azure.provider.instances()
        #expect(listed.map(\.id.rawValue) == ["podvm-nginx-0a1b2c3d", "podvm-b"])
        #expect(listed.map { $0.tags[InstanceTags.sandbox] } == ["0a1b2c3d4e5f", "b"])
    }

    @Test("read the region's sizes once, however many need them at once")
    func sizes() async throws {
        let azure = try Fixture()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    var spec = azure.spec(Requirements(vcpus: 1000))
                    spec.name = InstanceID(rawValue: "podvm-many-\(number)")
                    let asked = spec
                    _ = await azure.failure {
                        _ = try await azure.provider.createInstance(for: azure.sandbox, from: asked)
                    }
                }
            }
        }
        #expect(azure.arm.calls.count == 1)
    }

    @Test("have fresh sizes every hour, and the old ones meanwhile")
    func refresh() async throws {
        let azure = try Fixture()
        let work = Task { await azure.provider.run() }
        while azure.arm.calls.count < 3 { await Task.yield() }
        work.cancel()
        await work.value
        #expect(azure.clock.naps.contains(.seconds(3240)))
    }

    @Test("list less often when many nodes have many VMs: Azure's limits are for all of them")
    func ration() async throws {
        let azure = try Fixture()
        let machines: [JSONValue] = (0..<300).map { number in
            [
                "name": .string("podvm-\(number)"),
                "tags": ["peerpods-sandbox": "s", "peerpods-node": .string("n\(number)")],
            ]
        }
        let link =
            "https://management.test\(Example.group)/Microsoft.Compute/virtualMachines?api-version=2024-07-01&p=2"
        azure.arm.on(
            "GET", "/Microsoft.Compute/virtualMachines",
            .json(200, ["value": .array(machines), "nextLink": .string(link)]), .json(200, ["value": []]),
            .json(200, ["value": []]))
        _ = try await azure.provider.instances()
        #expect(await azure.failure { _ = try await azure.provider.instances() } == nil, "240 s are nothing")
        let many: [JSONValue] = (0..<700).map { number in
            [
                "name": .string("podvm-\(number)"),
                "tags": ["peerpods-sandbox": "s", "peerpods-node": .string("n\(number)")],
            ]
        }
        azure.arm.on("GET", "/Microsoft.Compute/virtualMachines", .json(200, ["value": .array(many)]))
        _ = try await azure.provider.instances()
        #expect(
            await azure.failure { _ = try await azure.provider.instances() }?.advice == .retry(after: .seconds(280)))
        try await azure.clock.sleep(for: .seconds(281))
        _ = try await azure.provider.instances()
    }

    @Test("start as soon as an Azure that could not be reached can be")
    func recovers() async throws {
        let azure = try Fixture()
        azure.arm.on("GET", "/skus", .unreachable)
        #expect(await azure.failure { _ = try await azure.create(Requirements(vcpus: 2)) }?.code == .unreachable)
        azure.arm.on("GET", "/skus", .json(200, ["value": .array(Example.skus)]))
        azure.accept()
        azure.address(Fixture.hasAddress)
        #expect(try await azure.create(Requirements(vcpus: 2)) == ["10.0.0.4"])
    }
}
