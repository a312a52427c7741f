import Controller
import PodVMLifecycle
import Testing

@Suite("Two sightings and a grace time")
struct OrphanLedgerTests {
    private let start = ContinuousClock.now
    private let gone = Example.tags(node: "node-9")

    private func orphans(_ vm: ListedInstance, in snapshot: ClusterSnapshot = Example.snapshot()) -> [Orphan] {
        Example.rules.orphans(vms: [vm], leftovers: [], in: snapshot)
    }

    private func after(_ seconds: Int) -> ContinuousClock.Instant { start.advanced(by: .seconds(seconds)) }

    @Test("the first sighting never makes an orphan due, however old its VM is")
    func first() {
        var ledger = OrphanLedger(graceTime: .zero)
        let found = ledger.look(at: orphans(Example.vm(tags: gone)), now: start)
        #expect(found.new.count == 1 && found.due.isEmpty)
        #expect(ledger.look(at: orphans(Example.vm(tags: gone)), now: start).due.count == 1)
    }

    @Test("an orphan is due at the first sighting after the grace time, and only once while it is being deleted")
    func due() {
        var ledger = OrphanLedger(graceTime: .seconds(600))
        let seen = orphans(Example.vm(tags: gone))
        _ = ledger.look(at: seen, now: start)
        #expect(ledger.look(at: seen, now: after(599)).due.isEmpty)
        #expect(ledger.look(at: seen, now: after(600)).due == seen)
        #expect(ledger.look(at: seen, now: after(900)).due.isEmpty)
        ledger.ended(seen[0], failure: "Azure is away")
        #expect(ledger.entries.first?.failure == "Azure is away")
        #expect(ledger.look(at: seen, now: after(1200)).due == seen, "a failure is tried again by the next sighting")
        ledger.ended(seen[0], failure: nil)
        #expect(ledger.entries.isEmpty)
    }

    @Test("one sighting without it begins the time again: a node that came back, a list of the cloud that was empty")
    func interrupted() {
        var ledger = OrphanLedger(graceTime: .seconds(600))
        let seen = orphans(Example.vm(tags: gone))
        _ = ledger.look(at: seen, now: start)
        _ = ledger.look(at: [], now: after(300))
        #expect(ledger.look(at: seen, now: after(600)).due.isEmpty)
        #expect(ledger.look(at: seen, now: after(1200)).due.count == 1)
    }

    @Test("another VM of the same name and another reason begin the time again")
    func changed() {
        var ledger = OrphanLedger(graceTime: .seconds(600))
        _ = ledger.look(at: orphans(Example.vm(tags: gone)), now: start)
        #expect(ledger.look(at: orphans(Example.vm(tags: gone, vmID: "id-2")), now: after(600)).due.isEmpty)
        let lost = Example.snapshot(nodes: ["node-1", "node-9"], namespaces: ["kube-system", "peerpods"])
        #expect(
            ledger.look(at: orphans(Example.vm(tags: gone, vmID: "id-2"), in: lost), now: after(1200)).due.isEmpty)
    }

    @Test("an obstacle keeps an orphan, and its end begins the time")
    func obstacle() {
        var ledger = OrphanLedger(graceTime: .seconds(600))
        let bound = ClusterSnapshot.Pod(namespace: "default", name: "web", uid: "pod-1", node: "node-9")
        let blocked = orphans(
            Example.vm(tags: gone), in: Example.snapshot(pods: [Example.controller, bound]))
        let free = orphans(Example.vm(tags: gone))
        _ = ledger.look(at: blocked, now: start)
        #expect(ledger.look(at: blocked, now: after(1000)).due.isEmpty)
        #expect(ledger.look(at: free, now: after(1100)).due.isEmpty)
        #expect(ledger.look(at: free, now: after(1700)).due.count == 1)
    }

    @Test("what is being deleted stays on the list, also when the cloud does not list it any longer")
    func deleting() {
        var ledger = OrphanLedger(graceTime: .zero)
        let seen = orphans(Example.vm(tags: gone))
        _ = ledger.look(at: seen, now: start)
        _ = ledger.look(at: seen, now: start)
        _ = ledger.look(at: [], now: after(1))
        #expect(ledger.entries.map(\.isBeingDeleted) == [true])
    }
}
