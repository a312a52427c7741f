import JSON
import Telemetry
import Testing

@testable import FakeCloud

@Suite("A fake Azure's parts") struct AzurePartsTests {
    private func id(_ number: Int) -> FakeResourceID { FakeResourceID(.disk, group: "g", name: "d\(number)") }

    @Test("the pages of a table have each resource once and in order, while resources are added and removed")
    func pages() {
        var table = ResourceTable<Int>()
        for number in 0..<500 { table[id(number)] = number }
        var seen: [FakeResourceID] = []
        var place: Int? = 0
        var removed = 0
        while let after = place {
            let page = table.page(after: after, limit: 7)
            #expect(page.ids.count <= 7)
            seen += page.ids
            place = page.next
            // Listed resources are removed and new ones are appended; the next page must not shift.
            for id in page.ids.prefix(6) { table[id] = nil }
            removed += min(6, page.ids.count)
        }
        #expect(seen == (0..<500).map(id))
        #expect(table.count == 500 - removed)
        #expect(table[id(6)] == 6 && table[id(0)] == nil)
        table[id(0)] = 1000
        #expect(table.page(after: 0, limit: 1000).ids.last == id(0))
    }

    @Test("ids that differ only in case are equal, and ids are parsed from ARM's paths")
    func ids() {
        let path = "/subscriptions/s/resourcegroups/G/providers/microsoft.compute/VIRTUALMACHINES/Web"
        let id = FakeResourceID(path: path)
        #expect(id == FakeResourceID(.machine, group: "g", name: "web"))
        #expect(
            id?.path(in: "s") == "/subscriptions/s/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/Web")
        for wrong in ["", "/", path + "/x", String(path.dropLast(3)), "x" + path, path.replacing("Web", with: "")] {
            #expect(FakeResourceID(path: wrong) == nil)
        }
    }

    @Test("only the oldest operations are forgotten")
    func operations() {
        var book = OperationRegistry()
        let total = 2 * OperationRegistry.limit + 10
        for number in 0..<total {
            book.add(
                LongRunningOperation(
                    id: "Op-\(number)", style: .compute, target: id(0), isDeletion: false,
                    started: WallTime(secondsSinceEpoch: 0)))
        }
        #expect(book["op-\(total - OperationRegistry.limit - 1)"] == nil)
        #expect(book["op-\(total - OperationRegistry.limit)"]?.status == .running)
        book.end("op-\(total - 1)", .succeeded, at: WallTime(secondsSinceEpoch: 1))
        book.end("op-\(total - 1)", .canceled, at: WallTime(secondsSinceEpoch: 2))
        #expect(book["op-\(total - 1)"]?.status == .succeeded)
    }

    @Test("a fault applies to the names that match its pattern, for the given number of times")
    func small() {
        #expect(Glob.matches("a*c*e", "ABcdE") && Glob.matches("*", "") && Glob.matches("*/read", "x/y/read"))
        #expect(!Glob.matches("a*b", "a") && !Glob.matches("ab", "abc") && !Glob.matches("aba*aba", "aba"))
        var fault = AzureFault(.hang, at: .machineGet)
        fault.first = 2
        var book = FaultInjector([fault])
        let calls: [AzureCall] = [.machinePut, .machineGet, .machineGet, .machineGet]
        #expect(calls.map { book.draw($0, "web").count } == [0, 1, 1, 0])
    }

    @Test("randomly damaged bodies and paths are parsed or refused, without a crash")
    func chance() throws {
        let right = Array(
            #"""
            {"location":"eastus","zones":["1"],"tags":{"a":"b"},"identity":{"type":"None"},"properties":{"hardwareProfile":
            {"vmSize":"Standard_DC2es_v6"},"securityProfile":{"securityType":"ConfidentialVM","uefiSettings":{"vTpmEnabled":
            true}},"storageProfile":{"imageReference":{"id":"/i"},"osDisk":{"name":"d","createOption":"FromImage","diskSizeGB":
            64,"managedDisk":{"securityProfile":{"securityEncryptionType":"VMGuestStateOnly"}}},"dataDisks":[{"lun":0,
            "createOption":"Attach","managedDisk":{"id":"/d"}}]},"osProfile":{"computerName":"c","adminUsername":"peerpod",
            "adminPassword":"x"},"networkProfile":{"networkApiVersion":"2020-11-01","networkInterfaceConfigurations":[{"name":
            "n","properties":{"ipConfigurations":[{"name":"i","properties":{"subnet":{"id":"/s"}}}]}}]},"userData":"aGk="}}
            """#.utf8)
        #expect(throws: Never.self) { try MachineBody(parsing: JSONValue(parsing: right), region: "eastus") }
        var chance = Chance(state: 1)
        var read = 0
        for _ in 0..<3000 {
            var bytes = right
            for _ in 0..<Int.random(in: 1...3, using: &chance) {
                let place = Int.random(in: 0..<bytes.count, using: &chance)
                switch Int.random(in: 0..<3, using: &chance) {
                case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &chance)
                case 1: bytes.remove(at: place)
                default:
                    bytes.insert(
                        contentsOf: Array(
                            ["-", "9999999999", "null", "{}", "[]", "\""].randomElement(using: &chance)?.utf8 ?? "".utf8
                        ), at: place)
                }
            }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            if let body = try? MachineBody(parsing: value, region: "eastus") {
                read += 1
                #expect(1...4095 ~= body.diskSizeGB)
            }
            let words = [
                "subscriptions", "", "providers", "resourceGroups", "Microsoft.Compute", "locations", "virtualMachines",
                "x", "skus",
            ]
            let path = (0..<Int.random(in: 0...12, using: &chance)).map { _ in words.randomElement(using: &chance) ?? ""
            }
            if let route = ARMRoute(path) { _ = (route.call("GET"), route.name, route.action("PUT")) }
        }
        #expect(read > 0)
    }

    /// A generator with the same sequence in every run.
    private struct Chance: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
