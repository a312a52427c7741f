import Doubles
import PodVMLifecycle
import Testing

@testable import AzureProvider

@Suite("A VM's placement")
struct PlacementSearchTests {
    private let clock = ManualClock()

    private func size(_ name: String, _ vcpus: Int = 2, family: String = "f", zones: [String] = ["1", "2"]) -> VMSize {
        var size = VMSize(name: name)
        size.vcpus = vcpus
        size.family = family
        size.zones = zones
        return size
    }

    private func error(_ code: String, _ message: String = "none left") -> ARMError {
        var error = ARMError(.operationFailed, during: "PUT virtualMachines/podvm-x", code: code, message)
        error.ids.request = "id-\(code)"
        return error
    }

    /// What is tried when each try fails with the next of `codes`.
    private func tries(_ placement: inout PlacementSearch, _ codes: [String]) -> [String] {
        var tries: [String] = []
        for code in codes {
            guard let candidate = placement.next else { break }
            tries.append("\(candidate)")
            placement.failed(candidate, error(code))
        }
        return tries + (placement.next.map { ["\($0)"] } ?? ["end"])
    }

    @Test("tries each size in all zones that have the size, and in no other zone")
    func order() {
        let sizes = [size("A"), size("B", zones: ["2"]), VMSize(name: "unknown")]
        #expect(
            Candidate.all(sizes, zones: ["2", "1"]).map(\.description) == [
                "A in zone 2", "A in zone 1", "B in zone 2", "unknown in zone 2", "unknown in zone 1",
            ])
        #expect(Candidate.all(sizes, zones: []).map(\.description) == ["A", "B", "unknown"])
        #expect(Candidate.all([size("A", zones: [])], zones: ["1"]).isEmpty)
    }

    @Test("changes to another zone, size or family, depending on the failure")
    func steps() {
        let candidates = Candidate.all(
            [size("A"), size("B"), size("C", family: "g")], zones: ["1", "2"])
        var placement = PlacementSearch(candidates, memory: UnavailablePlaces(clock: clock))
        #expect(
            tries(&placement, ["ZonalAllocationFailed", "AllocationFailed", "QuotaExceeded", "SkuNotAvailable"]) == [
                "A in zone 1", "A in zone 2", "B in zone 1", "C in zone 1", "C in zone 2",
            ])
    }

    @Test("ends at once after a failure that no other placement can avoid")
    func hopeless() {
        let candidates = Candidate.all([size("A"), size("B")], zones: ["1", "2"])
        for code in ["BadRequest", "GalleryImageNotFound", "SubnetIsFull", "AuthorizationFailed"] {
            var placement = PlacementSearch(candidates, memory: UnavailablePlaces(clock: clock))
            #expect(tries(&placement, [code]) == ["A in zone 1", "end"])
        }
    }

    @Test("tries the same placement once more, and then another placement")
    func again() {
        var placement = PlacementSearch(
            Candidate.all([size("A")], zones: ["1", "2"]), memory: UnavailablePlaces(clock: clock))
        #expect(
            tries(&placement, Array(repeating: "InternalExecutionError", count: 9)) == [
                "A in zone 1", "A in zone 1", "A in zone 2", "A in zone 2", "end",
            ])
    }

    @Test("makes a limited number of tries for a pod")
    func limit() {
        let sizes = (0..<20).map { size("S\($0)") }
        var placement = PlacementSearch(Candidate.all(sizes, zones: []), memory: UnavailablePlaces(clock: clock))
        #expect(tries(&placement, Array(repeating: "AllocationFailed", count: 20)).count == PlacementSearch.limit + 1)
    }

    @Test("remembers for all pods which placement failed, for as long as the failure is likely to last")
    func memory() {
        let memory = UnavailablePlaces(clock: clock)
        let candidates = Candidate.all([size("A"), size("B")], zones: ["1"])
        var placement = PlacementSearch(candidates, memory: memory)
        #expect(tries(&placement, ["AllocationFailed"]) == ["A in zone 1", "B in zone 1"])
        #expect(PlacementSearch(candidates, memory: memory).next?.size.name == "B")
        #expect(memory.count == 1)
        clock.advance(by: .seconds(3000))
        #expect(PlacementSearch(candidates, memory: memory).next?.size.name == "B")
        clock.advance(by: .seconds(600))
        #expect(PlacementSearch(candidates, memory: memory).next?.size.name == "A")
        #expect(memory.count == 0)
    }

    @Test("tries only the placement whose avoidance ends first when all placements are avoided")
    func allBlocked() {
        let memory = UnavailablePlaces(clock: clock)
        let candidates = Candidate.all([size("A"), size("B")], zones: [])
        var first = PlacementSearch(candidates, memory: memory)
        #expect(tries(&first, ["SkuNotAvailable", "AllocationFailed"]) == ["A", "B", "end"])
        var second = PlacementSearch(candidates, memory: memory)
        #expect(tries(&second, ["AllocationFailed"]) == ["B", "end"])
        let text = second.error(during: "create VM x").description
        #expect(text.contains("not tried: A, where SkuNotAvailable occurred"))
    }

    @Test("avoids sizes of a family without quota only if they are as large, and only until a VM is deleted")
    func quota() {
        let memory = UnavailablePlaces(clock: clock)
        let (large, small) = (size("L", 64), size("S", 2))
        var placement = PlacementSearch([Candidate(size: large, zone: nil)], memory: memory)
        #expect(tries(&placement, ["QuotaExceeded"]) == ["L", "end"])
        #expect(memory.block(of: Candidate(size: large, zone: "3")) != nil)
        #expect(memory.block(of: Candidate(size: small, zone: nil)) == nil)
        memory.forgetQuota()
        #expect(memory.block(of: Candidate(size: large, zone: "3")) == nil)
    }

    @Test("ends with an error that has each try with ARM's code, message and request id, and what to do")
    func told() {
        let candidates = Candidate.all([size("A")], zones: ["1", "2"])
        var placement = PlacementSearch(candidates, memory: UnavailablePlaces(clock: clock))
        _ = tries(&placement, ["ZonalAllocationFailed", "SubnetIsFull"])
        let error = placement.error(during: "create VM podvm-x")
        #expect(error.code == .outOfCapacity)
        #expect(error.advice == .retry(after: .seconds(60)))
        #expect(
            error.description
                == "create VM podvm-x: out of capacity: try 1, A in zone 1: the operation failed: ZonalAllocationFailed: none "
                + "left (request id id-ZonalAllocationFailed); try 2, A in zone 2: the operation failed: SubnetIsFull: none "
                + "left (request id id-SubnetIsFull). The subnet has no free address: enlarge it, or configure another one "
                + "with -subnetid.")
    }
}
