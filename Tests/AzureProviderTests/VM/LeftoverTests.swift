import AzureDoubles
import Doubles
import JSON
import PodVMLifecycle
import Testing

@testable import AzureProvider

@Suite("Resources that belong to no VM on Azure")
struct LeftoverTests {
    private typealias Fixture = ProviderFixture
    private static let tags: JSONValue = ["peerpods-sandbox": "0a1b2c3d4e5f", "peerpods-node": "n"]

    private static func part(
        _ type: String, _ name: String, tags: JSONValue = tags, properties: JSONValue = [:], managedBy: String? = nil
    ) -> JSONValue {
        let provider = type == "disks" ? "Microsoft.Compute" : "Microsoft.Network"
        return [
            "name": .string(name), "id": .string("\(Example.group)/\(provider)/\(type)/\(name)"), "tags": tags,
            "managedBy": managedBy.map { .string($0) } ?? .null, "properties": properties,
        ]
    }

    private static func id(_ type: String, _ name: String) -> JSONValue {
        ["id": .string("\(Example.group)/\(type)/\(name)")]
    }

    private static let vm = id("Microsoft.Compute/virtualMachines", "v")

    /// Scripts the three lists.
    private func script(
        _ azure: Fixture, interfaces: [JSONValue] = [], disks: [JSONValue] = [], addresses: [JSONValue] = []
    ) {
        azure.arm.on("GET", "/networkInterfaces", .json(200, ["value": .array(interfaces)]))
        azure.arm.on("GET", "/disks", .json(200, ["value": .array(disks)]))
        azure.arm.on("GET", "/publicIPAddresses", .json(200, ["value": .array(addresses)]))
    }

    @Test("are those with a sandbox's tags that no VM has; an address of such an interface counts too")
    func listed() async throws {
        let azure = try Fixture { $0.usesPublicIP = true }
        let holder: (String) -> JSONValue = {
            ["ipConfiguration": Self.id("Microsoft.Network/networkInterfaces", "\($0)/ipConfigurations/c")]
        }
        script(
            azure,
            interfaces: [
                Self.part("networkInterfaces", "free-net"),
                Self.part("networkInterfaces", "used-net", properties: ["virtualMachine": Self.vm]),
                Self.part("networkInterfaces", "endpoint", properties: ["privateEndpoint": ["id": "x"]]),
                Self.part("networkInterfaces", "untagged", tags: [:]), ["name": "../x"], ["name": "no-id"],
            ],
            disks: [
                Self.part("disks", "free-disk", properties: ["timeCreated": "2026-08-21T09:05:07.0421234+00:00"]),
                Self.part("disks", "used-disk", managedBy: "/subscriptions/s/x"),
            ],
            addresses: [
                Self.part("publicIPAddresses", "free-address"),
                Self.part("publicIPAddresses", "of-free-interface", properties: holder("free-net")),
                Self.part("publicIPAddresses", "of-used-interface", properties: holder("used-net")),
                Self.part("publicIPAddresses", "of-gateway", properties: ["natGateway": ["id": "x"]]),
            ])
        let leftovers = try await azure.provider.leftovers()
        #expect(leftovers.map(\.name) == ["free-net", "free-disk", "free-address", "of-free-interface"])
        #expect(leftovers.map(\.kind) == [.interface, .disk, .address, .address])
        #expect(leftovers[1].created == 1_787_303_107)
        #expect(leftovers[1].id == "\(Example.group)/Microsoft.Compute/disks/free-disk")
        #expect(leftovers[0].tags["peerpods-node"] == "n")
    }

    @Test("are not listed in part: a list that fails, fails the whole call")
    func whole() async throws {
        let azure = try Fixture()
        azure.arm.on(
            "GET", "/networkInterfaces", .json(200, ["value": .array([Self.part("networkInterfaces", "free-net")])]))
        azure.arm.on("GET", "/disks", .refusal(403, "AuthorizationFailed"))
        let error = await azure.failure { _ = try await azure.provider.leftovers() }
        #expect(error?.code == .unauthorized)
        #expect(!azure.arm.calls.contains { $0.contains("publicIPAddresses") }, "no right for addresses is needed")
    }

    @Test("are deleted once, after a look at their tags and their owner")
    func deleted() async throws {
        let azure = try Fixture()
        let disk = Self.part("disks", "d")
        azure.arm.on("GET", "/disks/d", .json(200, disk), .refusal(404, "ResourceNotFound"))
        azure.arm.on("DELETE", "/disks/d", .empty(202, [Fixture.running]))
        azure.arm.on("GET", Fixture.operation, Fixture.status("Succeeded"))
        let leftover = try #require(try VMPart(try JSONNode(disk), .disk).leftover)
        try await azure.provider.deleteLeftover(leftover)
        try await azure.provider.deleteLeftover(leftover)
        #expect(azure.calls.count { $0.hasPrefix("DELETE") } == 1)
    }

    @Test(
        "are left alone when their tags have changed, or when a VM has them now",
        arguments: [
            part("disks", "d", tags: ["peerpods-sandbox": "other"]), part("disks", "d", tags: [:]),
            part("disks", "d", managedBy: "/subscriptions/s/x"), ["name": "d"],
        ])
    func changed(now: JSONValue) async throws {
        let azure = try Fixture()
        let leftover = try #require(try VMPart(try JSONNode(Self.part("disks", "d")), .disk).leftover)
        azure.arm.on("GET", "/disks/d", .json(200, now))
        let error = await azure.failure { try await azure.provider.deleteLeftover(leftover) }
        #expect(error?.code == .foreign)
        #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
    }

    @Test("have times in RFC 3339; any other text is no time")
    func times() {
        #expect(AzureTime.seconds("1970-01-01T00:00:00Z") == 0)
        #expect(AzureTime.seconds("2024-02-29T23:59:59.9999999+00:00") == 1_709_251_199)
        #expect(AzureTime.seconds("2024-03-01T01:00:00+01:00") == 1_709_251_200)
        #expect(AzureTime.seconds("2023-12-31T23:30:00-00:30") == 1_704_067_200)
        for text in [
            "", "2024", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
            "2024-01-01 00:00:00Z", "9" + String(repeating: "9", count: 60), "2024-01-01T00:00:00+1:00",
        ] {
            #expect(AzureTime.seconds(text) == nil, "\(text)")
        }
    }
}
