import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Testing

@testable import AzureProvider
@testable import FakeCloud

/// Pods of a whole node on a fake Azure, whose answers are lost, late, or not readable.
@Suite("The lifecycle of a pod on Azure")
struct WholeLifeTests {
    /// Starts and stops a pod on a node of its own; expects that it ran, and that nothing is left.
    private static func life(
        _ id: String, _ scenario: String, _ azure: FakeAzure, _ machines: RecordOnlyMachines, _ client: HTTPClient,
        _ loop: EpollLoop, _ change: (inout AzureOptions) -> Void = { _ in }
    ) async throws -> [String] {
        let node = try NodeOnFakeAzure(azure, machines, client, loop, scenario: scenario, change)
        try await node.work { node in
            let error = try await node.start(id)
            #expect(error == nil, "\(scenario): \(error?.message ?? "")")
            if error == nil { #expect(machines.count == 1, "\(scenario)") }
            try await node.supervisor.stop(id)
            try await node.settled()
        }
        #expect(node.left == [], "\(scenario)")
        #expect(machines.count == 0, "\(scenario)")
        return node.calls.all
    }

    @Test("costs few calls: 2 to start and 4 to stop when Azure is quick")
    func economy() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let calls = try await Self.life("a", "{}", azure, machines, client, loop)
            try Self.checkEconomy(calls)
        }
    }

    /// How often an operation is looked at depends on how long the agent takes, so that is not counted.
    private static func checkEconomy(_ calls: [String]) throws {
        let counted = calls.filter { !$0.hasSuffix("/skus") && !$0.contains("operations/") }
        let first = try #require(counted.firstIndex { $0.hasPrefix("DELETE") })
        #expect(counted[..<first].count <= 4, "\(counted)")
        #expect(counted[first...].count <= 6, "\(counted)")
    }

    @Test(
        "succeeds when any answers are lost, cut, or written by a proxy",
        arguments: ["vm-put", "nic-get", "vm-get", "vm-delete", "operation-get"])
    func lostAnswers(call: String) async throws {
        let faults = [
            #""do": "drop-before""#, #""do": "drop-after""#, #""do": "html""#, #""do": "truncate""#,
            #""do": "garbage""#,
            #""do": "refuse", "status": 500, "code": "InternalServerError""#,
        ]
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            for (index, fault) in faults.enumerated() {
                let scenario = #"{"faults": [{"at": "\#(call)", "first": 1, \#(fault)}]}"#
                _ = try await Self.life("s-\(index)", scenario, azure, machines, client, loop)
            }
        }
    }

    @Test("succeeds where Azure names interfaces differently, and with public addresses")
    func variants() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            _ = try await Self.life("a", #"{"nic-suffix": true}"#, azure, machines, client, loop)
            _ = try await Self.life("b", "{}", azure, machines, client, loop) { $0.usesPublicIP = true }
            _ = try await Self.life("c", "{}", azure, machines, client, loop) {
                $0.isConfidential = false
                $0.instanceSize = "Standard_D2s_v5"
            }
            _ = try await Self.life("d", "{}", azure, machines, client, loop) {
                $0.hasSecureBoot = true
                $0.diskEncryption = .diskWithVMGuestState
                $0.rootVolumeSize = 64
                $0.tags = ["team": "blue"]
                $0.zones = ["2"]
            }
            _ = try await Self.life(
                "e", #"{"delays": {"nic": 0.02, "boot": 0.02, "operation": 0.03, "delete": 0.03}}"#, azure, machines,
                client, loop)
        }
    }

    @Test("waits for the resources that remain after the VM, and deletes only those that stay")
    func lingering() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let briefly = #"{"delays": {"linger": 0.02}}"#
            let calls = try await Self.life("a", briefly, azure, machines, client, loop)
            #expect(calls.count { $0.hasPrefix("DELETE") } == 1, "\(calls)")
            let long = #"{"delays": {"linger": 30}}"#
            let others = try await Self.life("b", long, azure, machines, client, loop)
            #expect(others.count { $0.hasPrefix("DELETE") } == 3, "\(others)")
        }
    }

    @Test("fails with the reason and leaves nothing when Azure reports success but creates no usable VM")
    func unusableVM() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            for (number, (fault, words)) in [("no-vm", "the VM does not exist"), ("no-address", "has no address")]
                .enumerated()
            {
                let node = try NodeOnFakeAzure(
                    azure, machines, client, loop, scenario: #"{"faults": [{"do": "\#(fault)"}]}"#)
                try await node.work { node in
                    let error = try await node.start("s-\(number)")
                    #expect(error?.code == .internal)
                    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
                    try await node.settled()
                }
                #expect(node.left == [])
            }
        }
    }

    @Test("does not wait for the end of Azure's operation, and can end before the operation")
    func early() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let node = try NodeOnFakeAzure(
                azure, machines, client, loop, scenario: #"{"delays": {"nic": 0.01, "boot": 0.02, "operation": 30}}"#,
                agentsAreEarly: true)
            try await node.work { node in
                #expect(try await node.start("a") == nil)
                let states = azure.store.withContent { $0.state.machines.all.map(\.state.text) }
                #expect(states == ["Creating"])
                try await node.supervisor.stop("a")
                try await node.settled()
            }
            #expect(node.left == [])
        }
    }

    @Test("continues in a placement with capacity, which the next pod uses at once")
    func capacity() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let scenario = """
                {"capacity": [{"size": "Standard_DC2es_v6", "zone": "1", "machines": 0},
                              {"size": "Standard_DC2es_v6", "zone": "2", "machines": 0, "refusal": "sku"}],
                 "restrictions": [{"size": "Standard_EC2es_v6", "zones": ["1"]}]}
                """
            let node = try NodeOnFakeAzure(azure, machines, client, loop, scenario: scenario) {
                $0.instanceSizes = ["Standard_DC2es_v6", "Standard_EC2es_v6"]
                $0.zones = ["1", "2"]
            }
            try await node.work { node in
                #expect(try await node.start("a") == nil)
                #expect(node.calls["PUT"] == 3)
                #expect(try await node.start("b") == nil)
                #expect(node.calls["PUT"] == 4)
                try await node.supervisor.stop("a")
                try await node.supervisor.stop("b")
                try await node.settled()
            }
            #expect(node.left == [])
        }
    }

    @Test("does not start with an image that the region does not have, nor with a size that no region has")
    func configuration() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let node = try NodeOnFakeAzure(
                azure, machines, client, loop, scenario: #"{"image": {"here": false, "regions": ["westus3"]}}"#)
            try await node.work { node in
                let error = try await node.start("a")
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.contains("GalleryImageNotFound") == true, "\(error?.message ?? "")")
                try await node.settled()
            }
            #expect(node.left == [])
            let other = try NodeOnFakeAzure(azure, machines, client, loop) { $0.instanceSize = "Standard_DC2se_v6" }
            try await other.work { node in
                let error = try await node.start("a")
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.contains("does not exist in eastus; nearest are ") == true)
                try await node.settled()
            }
            #expect(other.calls["PUT"] == 0)
        }
    }

    @Test("leaves nothing, at whatever step the shim closes its connection")
    func hangUps() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let scenario =
                #"{"delays": {"accept": 0.004, "nic": 0.008, "boot": 0.008, "operation": 0.012, "delete": 0.004}}"#
            for step in 0..<12 {
                let node = try NodeOnFakeAzure(azure, machines, client, loop, scenario: scenario)
                try await node.work { node in
                    let starting = Task(executorPreference: loop) { try await node.start("s-\(step)") }
                    try await loop.sleep(for: .milliseconds(2 * step))
                    starting.cancel()
                    _ = try? await starting.value
                    try await node.supervisor.stop("s-\(step)")
                    try await node.settled()
                }
                #expect(node.left == [], "hung up after \(2 * step) ms")
                #expect(machines.count == 0)
            }
        }
    }

    @Test("can be ended by another process that knows only the VM's name")
    func restart() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let sandbox = try SandboxID(validating: "a")
            let before = try NodeOnFakeAzure(azure, machines, client, loop)
            let spec = Example.spec(tags: [InstanceTags.sandbox: "a", InstanceTags.node: "n"])
            _ = try await before.provider.createInstance(for: sandbox, from: spec).instance()
            let after = try NodeOnFakeAzure(azure, machines, client, loop)
            // The same request again finds what the first one made.
            let again = after.provider.createInstance(for: sandbox, from: spec)
            #expect(try await again.instance().id == spec.name)
            #expect(machines.count == 1)
            try await again.provisioned()
            let other = try SandboxID(validating: "b")
            let later = try NodeOnFakeAzure(azure, machines, client, loop)
            #expect(try await later.provider.instances().map(\.id) == [spec.name])
            let error = await #expect(throws: ProviderError.self) {
                try await later.provider.deleteInstance(spec.name, of: other)
            }
            #expect(error?.code == .foreign)
            #expect(machines.count == 1, "the VM does not belong to that sandbox")
            try await later.provider.deleteInstance(spec.name, of: sandbox)
            #expect(later.left == [])
            #expect(machines.count == 0)
        }
    }

    @Test("succeeds beside fifty other VMs, whose list has several pages")
    func crowd() async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            let scenario =
                #"{"page-size": 20, "delays": {"nic": 0.03, "boot": 0.05, "operation": 0.2, "delete": 0.05}, "throttling": {"time-scale": 100}}"#
            let node = try NodeOnFakeAzure(azure, machines, client, loop, scenario: scenario, hurry: 20)
            let count = 50
            try await node.work { node in
                let failures = try await withThrowingTaskGroup(of: LifecycleError?.self) { group in
                    for number in 0..<count { group.addTask { try await node.start("s-\(number)") } }
                    return try await group.reduce(into: [String]()) { list, error in
                        if let error { list.append(error.message) }
                    }
                }
                #expect(failures == [])
                #expect(machines.count == count)
                #expect(try await node.provider.instances().count == count)
                for number in 0..<count { try await node.supervisor.stop("s-\(number)") }
                try await node.settled()
            }
            #expect(node.left == [])
            let reads = node.calls["GET"]
            #expect(reads < count * 12, "\(reads) GETs for \(count) pods")
            print(
                "CROWD", reads,
                Dictionary(grouping: node.calls.all.map { $0.split(separator: "/")[0] }, by: { $0 }).mapValues(\.count))
        }
    }
}
