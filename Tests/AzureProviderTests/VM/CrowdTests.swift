import AzureDoubles
import AzureProvider
import Doubles
import JSON
import LinuxIO
import PodVMLifecycle
import Testing

@Suite("Many callers that wait for Azure")
struct CrowdTests {
    private typealias Fixture = ProviderFixture

    @Test("share lists of interfaces instead of one request for each interface")
    func crowd() async throws {
        let azure = try Fixture()
        let count = 40
        let isListed = Event()
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
            // A request for one interface has no address before a request for the list has come.
            azure.arm.on(
                "GET", "/networkInterfaces/\(name)-net", .refusal(404, "ResourceNotFound"),
                .wait(isListed, .json(200, .object(interface))))
        }
        azure.arm.on("GET", "/networkInterfaces", .json(200, ["value": .array(interfaces)]))
        let addresses = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<count {
                group.addTask {
                    var spec = azure.spec
                    spec.name = InstanceID(rawValue: "podvm-many-\(number)")
                    return try await azure.provider.createInstance(for: azure.sandbox, from: spec).instance().addresses[
                        0]
                }
            }
            while !azure.arm.calls.contains(where: { $0.contains("/networkInterfaces?") }) { await Task.yield() }
            isListed.set()
            var addresses: Set<String> = []
            for try await address in group { addresses.insert(address) }
            return addresses
        }
        #expect(addresses.count == count)
        let gets = azure.arm.calls.filter { $0.hasPrefix("GET") && !$0.contains("/skus") }
        #expect(gets.count < count * 3, "\(gets.count) GETs for \(count) VMs")
    }

    @Test("list the pods' VMs by tag, or by name if an operator removed the tags, through all pages")
    func instances() async throws {
        let azure = try Fixture()
        let link =
            "https://management.test\(Example.group)/Microsoft.Compute/virtualMachines?api-version=2024-07-01&p=2"
        azure.arm.on(
            "GET", "/Microsoft.Compute/virtualMachines",
            .json(200, ["value": [Fixture.machine(), ["odd": 1]], "nextLink": .string(link)]),
            .json(
                200,
                [
                    "value": [
                        Fixture.machine(sandbox: nil, name: "build-agent"), Fixture.machine(sandbox: nil),
                        Fixture.machine(sandbox: "b", name: "podvm-b"),
                    ]
                ]))
        let listed = try await azure.provider.instances()
        #expect(listed.map(\.id.rawValue) == ["podvm-nginx-0a1b2c3d", "podvm-nginx-0a1b2c3d", "podvm-b"])
        #expect(listed.map { $0.tags[InstanceTags.sandbox] } == ["0a1b2c3d4e5f", nil, "b"])
    }

    @Test("read the region's sizes once, however many callers need them at once")
    func sizes() async throws {
        let azure = try Fixture()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    var spec = azure.spec(Requirements(vcpus: 1000))
                    spec.name = InstanceID(rawValue: "podvm-many-\(number)")
                    let asked = spec
                    _ = await azure.failure {
                        _ = try await azure.provider.createInstance(for: azure.sandbox, from: asked).instance()
                    }
                }
            }
        }
        #expect(azure.arm.calls.count == 1)
    }

    @Test("get new sizes every hour, and the old ones until they are read")
    func refresh() async throws {
        let azure = try Fixture()
        let work = Task { await azure.provider.run() }
        while azure.arm.calls.count < 3 { await Task.yield() }
        work.cancel()
        await work.value
        #expect(azure.clock.naps.contains(.seconds(3240)))
    }

    @Test("list less often when many nodes have many VMs, because they share Azure's limits")
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
        // Of two clusters, whose nodes have the same names.
        let many: [JSONValue] = (0..<700).map { number in
            [
                "name": .string("podvm-\(number)"),
                "tags": [
                    "peerpods-sandbox": "s", "peerpods-node": .string("n\(number % 350)"),
                    "peerpods-cluster": .string("c\(number / 350)"),
                ],
            ]
        }
        azure.arm.on("GET", "/Microsoft.Compute/virtualMachines", .json(200, ["value": .array(many)]))
        _ = try await azure.provider.instances()
        #expect(
            await azure.failure { _ = try await azure.provider.instances() }?.advice == .retry(after: .seconds(280)))
        try await azure.clock.sleep(for: .seconds(281))
        _ = try await azure.provider.instances()
    }

    @Test("start as soon as Azure can be reached again")
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
