import LinuxIO
import PodNetwork
import PodVMBoot
import Testing

@Suite("IPv4-mapped addresses in apf.json")
struct MappedAddressTests {
    /// The documents that Go's net and net/netip make of the same network (`ttrpc-peer apf -recording`).
    private func recorded(_ name: String, thisFile: String = #filePath) throws -> [UInt8] {
        let tests = Files.parent(of: Files.parent(of: thisFile))
        return try DurableFile.read("\(tests)/Peers/recordings/apf-\(name).json", limit: BootDocument.sizeLimit)
    }

    private func network(podAddress text: String) throws -> PodNetworkDescription {
        let document = Golden.full.replacing("\"10.244.0.19/24\"", with: "\"\(text)\"", maxReplacements: 1)
        try #require(document.contains(text))
        return try #require(try BootDocument(parsing: Array(document.utf8)).podNetwork)
    }

    @Test("a Go adaptor's document means the IPv4 network that it describes", arguments: ["netlink", "mapped"])
    func recordings(name: String) throws {
        let document = try BootDocument(parsing: recorded(name))
        let network = try #require(document.podNetwork)
        #expect(network.podAddress == NetPrefix("10.244.0.19/24"))
        #expect(network.nodeAddress == NetPrefix("10.0.0.4/24"))
        #expect(network.routes.map(\.destination) == [.allVersion4, NetPrefix("10.244.0.0/24")])
        #expect(network.routes.map(\.gateway) == [NetAddress("10.244.0.1"), nil])
        #expect(network.neighbors.map(\.address) == [NetAddress("10.244.0.1")])
        let plan = try network.plan()
        #expect(plan.routes.contains { $0.destination == .allVersion4 && $0.gateway == NetAddress("10.244.0.1") })
        #expect(!String(decoding: document.encoded, as: UTF8.self).contains("::ffff:"))
    }

    @Test("the fields that only this project knows mean IPv4 networks too")
    func furtherFields() throws {
        let further = """
            "index": 3, "addresses": ["::ffff:10.244.0.19/24", "fd00::19/64"],
            "further-routes": [{"dst": "::ffff:10.9.0.0/112", "gw": "::ffff:10.244.0.1", "source": "::ffff:10.244.0.19"}],
            "further-neighbors": [{"ip": "::ffff:10.244.0.2", "hw-addr": "0a:58:0a:f4:00:02", "dev": "eth0"}]
            """
        let text = Golden.full.replacing("\"index\": 3", with: further)
        let network = try #require(try BootDocument(parsing: Array(text.utf8)).podNetwork)
        #expect(network.addresses == [NetPrefix("10.244.0.19/24"), NetPrefix("fd00::19/64")])
        let route = try #require(network.furtherRoutes.first)
        #expect(route.destination == NetPrefix("10.9.0.0/16"))
        #expect(route.gateway == NetAddress("10.244.0.1") && route.source == NetAddress("10.244.0.19"))
        #expect(network.furtherNeighbors.map(\.address) == [NetAddress("10.244.0.2")])
    }

    @Test(
        "the prefix length belongs to a mask of four bytes or of sixteen",
        arguments: [
            ("::ffff:10.0.0.4/24", "10.0.0.4/24"), ("::ffff:10.0.0.4/120", "10.0.0.4/24"),
            ("::ffff:0.0.0.0/0", "0.0.0.0/0"), ("::ffff:0:0/96", "0.0.0.0/0"), ("::FFFF:10.0.0.4/32", "10.0.0.4/32"),
            ("::ffff:10.0.0.4/128", "10.0.0.4/32"), ("::/0", "::/0"), ("fd00::ffff:a00:4/64", "fd00::ffff:a00:4/64"),
            ("::ffff:0:10.0.0.4/96", "::ffff:0:a00:4/96"),
        ])
    func lengths(text: String, meaning: String) throws {
        #expect(try network(podAddress: text).podAddress == NetPrefix(meaning))
    }

    @Test("a prefix length that no mask has is refused", arguments: ["33", "64", "95", "129"])
    func noMask(length: String) {
        #expect(throws: BootError.self) { try network(podAddress: "::ffff:10.0.0.4/\(length)") }
    }
}
