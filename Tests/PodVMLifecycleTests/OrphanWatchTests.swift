import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Orphan watch")
struct OrphanWatchTests {
    private static let owner = VMOwner(cluster: "test", node: "node-1")
    private let start = ContinuousClock.now
    private var watch = OrphanWatch<ListedInstance>(owner: owner, graceTime: .seconds(600))

    private func vm(_ name: String = "podvm-a", _ changes: [String: String?] = [:]) -> ListedInstance {
        var tags = [
            InstanceTags.cluster: "test", InstanceTags.node: "node-1", InstanceTags.sandbox: "lost",
            InstanceTags.created: "1767225600",
        ]
        for (name, value) in changes { tags[name] = value }
        return ListedInstance(id: InstanceID(rawValue: name), tags: tags)
    }

    private mutating func look(
        at listed: [ListedInstance], after seconds: Int, owned: [String] = []
    ) throws -> (new: [ListedInstance], due: [ListedInstance]) {
        let owned = Set(try owned.map { try SandboxID(validating: $0) })
        let findings = watch.look(at: listed, owned: owned, now: start.advanced(by: .seconds(seconds)))
        return (findings.new.map(\.resource), findings.due.map(\.resource))
    }

    @Test("reports a VM once as new, and once as due, when the grace time has passed since it was first seen")
    mutating func grace() throws {
        #expect(try look(at: [vm()], after: 0) == ([vm()], []))
        #expect(try look(at: [vm()], after: 300) == ([], []))
        #expect(try look(at: [vm()], after: 599) == ([], []))
        #expect(try look(at: [vm()], after: 600) == ([], [vm()]))
        #expect(try look(at: [vm()], after: 1200) == ([], []), "its deletion is under way")
        watch.forget(vm().id)
        #expect(try look(at: [vm()], after: 1500) == ([vm()], []))
    }

    @Test("never reports a VM as due when it is first seen, however long the process has run and short the grace time")
    mutating func twice() throws {
        watch = OrphanWatch<ListedInstance>(owner: Self.owner, graceTime: .zero)
        #expect(try look(at: [], after: 0) == ([], []))
        #expect(try look(at: [vm()], after: 86_400) == ([vm()], []))
        #expect(try look(at: [vm()], after: 86_400) == ([], [vm()]))
    }

    @Test(
        "ignores the time in the created tag",
        arguments: [nil, "", "yesterday", "0", "-1", "1", "1767225600", "99999999999", "99999999999999999999"])
    mutating func created(text: String?) throws {
        let vm = vm("podvm-a", [InstanceTags.created: text])
        #expect(try look(at: [vm], after: 0) == ([vm], []))
        #expect(try look(at: [vm], after: 599) == ([], []))
        #expect(try look(at: [vm], after: 601) == ([], [vm]))
    }

    @Test("restarts the grace time when a VM was absent, had an owner, or changed this project's tags")
    mutating func again() throws {
        for (number, interruption) in [
            ([], []), ([vm()], ["lost"]), ([vm("podvm-a", [InstanceTags.created: "1767225601"])], []),
            ([vm("podvm-a", [InstanceTags.sandbox: "other"])], []),
            ([vm("podvm-a", [InstanceTags.node: "node-2"])], []),
        ].enumerated() {
            let begin = number * 10_000
            _ = try look(at: [vm()], after: begin)
            _ = try look(at: interruption.0, after: begin + 300, owned: interruption.1)
            #expect(try look(at: [vm()], after: begin + 700) == ([vm()], []), "\(interruption)")
            #expect(try look(at: [vm()], after: begin + 1300) == ([], [vm()]), "\(interruption)")
            watch.forget(vm().id)
        }
    }

    @Test("ignores other tags")
    mutating func foreignTags() throws {
        _ = try look(at: [vm("podvm-a", ["last-seen": "monday"])], after: 0)
        #expect(try look(at: [vm("podvm-a", ["last-seen": "tuesday"])], after: 600).due.count == 1)
    }

    @Test(
        "never reports a VM without all tags of this cluster and this node",
        arguments: [
            [InstanceTags.cluster: nil], [InstanceTags.cluster: ""], [InstanceTags.cluster: "production"],
            [InstanceTags.cluster: "TEST"], [InstanceTags.node: nil], [InstanceTags.node: ""],
            [InstanceTags.node: "node-2"], [InstanceTags.node: "node-10"], [InstanceTags.sandbox: nil],
            [InstanceTags.sandbox: ""], [InstanceTags.sandbox: "../lost"],
        ] as [[String: String?]])
    mutating func foreign(changes: [String: String?]) throws {
        for second in [0, 700, 1400] {
            #expect(try look(at: [vm("podvm-a", changes)], after: second) == ([], []))
        }
    }
}
