import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import PodVMLifecycle

@Suite("A sandbox whose record cannot be used")
struct SetAsideTests {
    /// What is wrong with the record.
    enum Fault: CaseIterable, Sendable {
        case damaged, truncated, newer, empty, otherID

        func bytes(of record: [UInt8]) throws -> [UInt8] {
            switch self {
            case .damaged: return record.map { $0 == UInt8(ascii: "4") ? UInt8(ascii: "5") : $0 }
            case .truncated: return Array(record.dropLast())
            case .newer: return Array("{\"version\": 7}".utf8)
            case .empty: return []
            case .otherID:
                return try SandboxRecord(request("b"), vm: InstanceID(rawValue: "podvm-b"), created: 1).encoded
            }
        }
    }

    /// A node that finds the record of a running sandbox with a fault.
    private func node(_ fault: Fault, logger: Logger = .silent) async throws -> Node {
        let first = Node()
        let id = try request("a").id
        try await first.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(id)
        }
        first.store.put(try fault.bytes(of: try #require(first.store.bytes(of: id))), for: id)
        return Node(store: first.store, cloud: first.cloud, logger: logger)
    }

    /// Two complete lists, the grace time apart.
    private func sweepTwice(_ node: Node) async {
        await node.supervisor.sweepOnce()
        node.clock.advance(by: .seconds(600))
        await node.supervisor.sweepOnce()
    }

    @Test("is reported, keeps its VM, and cannot be created or started", arguments: Fault.allCases)
    func kept(fault: Fault) async throws {
        let log = LineRecorder()
        let node = try await node(fault, logger: log.logger)
        try await node.run { supervisor in
            await sweepTwice(node)
            for call in [
                await failure { _ = try await supervisor.create(request("a")) },
                await failure { try await supervisor.start(request("a").id) },
            ] {
                #expect(call?.code == .failedPrecondition)
                #expect(call?.message.contains("cannot use") == true)
            }
            _ = try await supervisor.create(request("other", pod: "other"))
        }
        #expect(node.states == ["unreadable", "prepared"])
        #expect(node.supervisor.sandboxes().first?.failure?.contains("The record cannot be used: ") == true)
        #expect(node.cloud.machines.count == 1 && node.store.directories.count == 2)
        #expect(node.connector.calls[.adopt] == 1, "another sandbox must not get its resources")
        #expect(log.lines.contains { $0.contains("\"sandbox\":\"a\"") && $0.contains("\"level\":\"error\"") })
    }

    @Test(
        "ends after StopVM, with the VM that has its tags, also when a later process finds it",
        arguments: Fault.allCases)
    func stopped(fault: Fault) async throws {
        let node = try await node(fault)
        try await node.run { supervisor in
            try await supervisor.stop("a")
            #expect(node.states == ["unreadable"])
            #expect(node.connector.calls[.disconnect] == 1, "its tunnel is closed at once")
            #expect(node.cloud.calls[.delete] == 0, "the tags show which VM is its own")
        }
        let next = Node(store: node.store, cloud: node.cloud)
        try await next.run { supervisor in
            await supervisor.sweepOnce()
            await next.connector.calls.reached(.release)
            while !supervisor.sandboxes().isEmpty { await Task.yield() }
            next.expectNothingLeft()
        }
    }

    @Test("ends after StopVM without a VM in two lists that are the grace time apart")
    func withoutVM() async throws {
        let node = try await node(.damaged)
        let machine = try #require(node.cloud.created.first)
        try await node.cloud.deleteInstance(machine.name, of: request("a").id)
        try await node.run { supervisor in
            try await supervisor.stop("a")
            await supervisor.sweepOnce()
            node.clock.advance(by: .seconds(599))
            await supervisor.sweepOnce()
            #expect(node.states == ["unreadable"])
            node.cloud.listing.append(.fail(.unreachable))
            node.clock.advance(by: .seconds(1))
            await supervisor.sweepOnce()
            #expect(node.states == ["unreadable"], "a failed list shows nothing")
            await supervisor.sweepOnce()
            while !supervisor.sandboxes().isEmpty { await Task.yield() }
            node.expectNothingLeft()
        }
    }

    @Test("never takes a VM with it whose tags do not name this cluster and node")
    func foreignVMs() async throws {
        let node = try await node(.damaged)
        let machine = try #require(node.cloud.created.first)
        for (tag, value) in [(InstanceTags.cluster, "production"), (InstanceTags.node, "node-2")] {
            var other = machine
            other.name = InstanceID(rawValue: "podvm-\(value)")
            other.tags[tag] = value
            node.cloud.place(other)
        }
        var ofOtherSandbox = machine
        ofOtherSandbox.tags[InstanceTags.sandbox] = "b"
        ofOtherSandbox.tags[InstanceTags.cluster] = "production"
        node.cloud.place(ofOtherSandbox)
        try await node.run { supervisor in
            try await supervisor.stop("a")
            await sweepTwice(node)
            while supervisor.sandboxes().contains(where: { $0.id == "a" }) { await Task.yield() }
        }
        #expect(node.cloud.deleted.isEmpty && node.cloud.machines.count == 3)
    }

    @Test("is kept while a VM with its name has no tags, and says which VM that is")
    func namesake() async throws {
        let node = try await node(.damaged)
        let machine = try #require(node.cloud.created.first)
        var untagged = machine
        untagged.tags = [:]
        node.cloud.place(untagged)
        try await node.run { supervisor in
            try await supervisor.stop("a")
            await sweepTwice(node)
            await node.settled()
            #expect(node.states == ["unreadable"] && node.cloud.deleted.isEmpty)
            let advice = "VM \(machine.name) may belong to it, and has not its tags: "
            #expect(supervisor.sandboxes().first?.failure?.contains(advice) == true)

            node.cloud.place(machine)
            await supervisor.sweepOnce()
            while !supervisor.sandboxes().isEmpty { await Task.yield() }
            #expect(node.cloud.deleted == [machine.name], "an operator has restored the tags")
            node.expectNothingLeft()
        }
    }

    @Test(
        "is removed without StopVM when its record is empty or cut off and it has no VM",
        arguments: [0, 1, 100, 1_000_000])
    func powerCut(length: Int) async throws {
        let node = Node()
        var record = SandboxRecord(try request("a"), vm: InstanceID(rawValue: "podvm-a"), created: 1)
        record.state = .gone(record.state.vm)
        node.store.put(Array(record.encoded.dropLast().prefix(length)), for: record.id)
        try await node.run { supervisor in
            await supervisor.sweepOnce()
            #expect(node.states == ["unreadable"])
            node.clock.advance(by: .seconds(600))
            await supervisor.sweepOnce()
            while !supervisor.sandboxes().isEmpty { await Task.yield() }
            node.expectNothingLeft()
        }
    }

    @Test("is not taken for one with a cut-off record when a bit has flipped")
    func flippedBit() async throws {
        let record = SandboxRecord(try request("a"), vm: InstanceID(rawValue: "podvm-a"), created: 1).encoded
        for bit in stride(from: 0, to: record.count * 8, by: 7) where bit / 8 < record.count - 4 {
            var bytes = record
            bytes[bit / 8] ^= 1 << (bit % 8)
            #expect(!SandboxRecord.isUnsynced(bytes), "bit \(bit)")
        }
    }

    @Test("reports a disk that cannot take the stop mark")
    func fullDisk() async throws {
        let node = try await node(.damaged)
        try await node.run { supervisor in
            node.store.fail(with: .full)
            #expect(await failure { try await supervisor.stop("a") }?.code == .resourceExhausted)
            node.store.fail(with: nil)
            try await supervisor.stop("a")
        }
    }

    /// Records that can be read and must not be continued.
    enum Misplacement: CaseIterable, Sendable {
        case otherNode, sameVM
    }

    @Test(
        "is kept when its record is another node's, or names another's VM, and stops with StopVM",
        arguments: Misplacement.allCases)
    func misplaced(how: Misplacement) async throws {
        let first = Node(name: how == .otherNode ? "node-2" : "node-1")
        let id = try request("a").id
        try await first.run { supervisor in
            _ = try await supervisor.create(request("a"))
            first.cloud.creation.append(.wait(Event()))
            async let start: Void? = try? supervisor.start(id)
            await first.cloud.calls.reached(.create)
            // A crash.
            first.store.fail(with: .readOnly)
            supervisor.refuseStarts()
            await start
        }
        first.store.fail(with: nil)
        var record = try SandboxRecord(parsing: try #require(first.store.bytes(of: id)))
        let cloud = ScriptedCloud()
        if how == .sameVM {
            record = SandboxRecord(try request("b"), vm: record.state.vm, created: 1)
            first.store.put(record.encoded, for: record.id)
        }
        let node = Node(store: first.store, cloud: cloud)
        try await node.run { supervisor in
            #expect(node.states.allSatisfy { $0 == "unreadable" })
            await sweepTwice(node)
            #expect(cloud.calls[.delete] == 0)
            for id in node.store.directories { try await supervisor.stop(id.rawValue) }
            await node.settled()
            node.expectNothingLeft()
        }
    }
}
