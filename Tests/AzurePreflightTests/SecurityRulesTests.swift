import AzureProvider
import JSON
import Testing

@testable import AzurePreflight

@Suite("Security rules")
struct SecurityRulesTests {
    @Test("end with Azure's defaults: traffic within the network passes, other traffic does not")
    func defaults() throws {
        let rules = try Self.rules()
        #expect(rules.verdict(on: Self.packet()) == .allowed(by: "AllowVnetInBound"))
        #expect(rules.verdict(on: Self.packet(from: .inNetwork)) == .allowed(by: "AllowVnetInBound"))
        #expect(rules.verdict(on: Self.packet(from: .internet)) == .denied(by: "DenyAllInBound"))
        #expect(rules.verdict(on: Self.packet(from: .address(Self.range("52.1.2.3")))) == .denied(by: "DenyAllInBound"))
        #expect(
            rules.verdict(on: Self.packet(from: .address(Self.range("192.168.0.1"))))
                == .undecided(at: "AllowVnetInBound"),
            "a private address may be in a network that is connected by a VPN")
    }

    @Test("count by priority, whatever their order")
    func priority() throws {
        let rules = try Self.rules(
            Self.rule("late", 200, "Allow", port: "15150"), Self.rule("early", 100, "Deny", port: "15000-16000"))
        #expect(rules.verdict(on: Self.packet()) == .denied(by: "early"))
        #expect(rules.verdict(on: Self.packet(port: 14_999)) == .allowed(by: "AllowVnetInBound"))
    }

    @Test("count only for their own direction, protocol, ports and addresses")
    func selective() throws {
        for other in [
            Self.rule("x", 100, "Deny", way: "Outbound"), Self.rule("x", 100, "Deny", kind: "Udp"),
            Self.rule("x", 100, "Deny", port: "22"), Self.rule("x", 100, "Deny", port: "nonsense"),
            Self.rule("x", 100, "Deny", source: "10.1.9.0/24"),
            Self.rule("x", 100, "Deny", source: "AzureLoadBalancer"),
            Self.rule("x", 100, "Deny", source: "Storage.WestEurope"), Self.rule("x", 100, "Deny", source: "Internet"),
            Self.rule("x", 100, "Deny", target: "10.9.0.0/16"), Self.rule("x", 100, "Deny", source: "2001:db8::/32"),
        ] { #expect(try Self.rules(other).verdict(on: Self.packet()).isAllowed == true, "\(other)") }
        for same in [
            Self.rule("x", 100, "Deny"), Self.rule("x", 100, "Deny", source: "10.1.1.0/24"),
            Self.rule("x", 100, "Deny", source: "10.1.1.4"), Self.rule("x", 100, "Deny", target: "10.1.0.0/16"),
            Self.rule("x", 100, "Deny", source: "VirtualNetwork", target: "VirtualNetwork"),
        ] { #expect(try Self.rules(same).verdict(on: Self.packet()) == .denied(by: "x"), "\(same)") }
    }

    @Test("are undecided only where the addresses that a rule means matter")
    func undecided() throws {
        let half = Self.rule("half", 100, "Deny", target: "10.1.2.0/25")
        #expect(try Self.rules(half).verdict(on: Self.packet()) == .undecided(at: "half"))
        let rest = Self.rule("rest", 110, "Deny")
        #expect(try Self.rules(half, rest).verdict(on: Self.packet()) == .denied(by: "rest"))
        let tag = Self.rule("tag", 100, "Deny", source: "10.1.1.0/24")
        #expect(try Self.rules(tag).verdict(on: Self.packet(from: .inNetwork)) == .undecided(at: "tag"))
        let group: JSONValue = [
            "name": "asg",
            "properties": [
                "priority": 100, "direction": "Inbound", "access": "Deny", "protocol": "*", "sourcePortRange": "*",
                "destinationPortRange": "*", "destinationAddressPrefix": "*",
                "sourceApplicationSecurityGroups": [["id": "/x"]],
            ],
        ]
        #expect(try Self.rules(group).verdict(on: Self.packet()) == .undecided(at: "asg"))
    }

    @Test("report rules that cannot be read")
    func malformed() {
        for bad: JSONValue in [
            ["name": "x"], ["properties": ["direction": "Sideways", "priority": 1]],
            ["properties": ["direction": "Inbound", "priority": "first"]],
        ] { #expect(throws: JSONError.self) { try Self.rules(bad) } }
    }

    @Test("are evaluated in bounded time, however many there are")
    func many() throws {
        let doubtful = (0..<4000).map { Self.rule("r\($0)", Int64($0), "Allow", target: "10.1.2.0/25") }
        #expect(try Self.rules(doubtful).verdict(on: Self.packet(from: .internet)) == .undecided(at: "r0"))
    }

    @Test("read addresses strictly")
    func ranges() {
        #expect(IPv4Range("10.1.2.3/24")?.description == "10.1.2.0/24")
        #expect(IPv4Range("0.0.0.0/0")?.count == 1 << 32)
        #expect(IPv4Range("255.255.255.255")?.last == .max)
        for text in [
            "", "10", "10.1.2", "10.1.2.3.4", "10.1.2.256", "10.1.2.3/33", "10.1.2.3/", "a.b.c.d", "10.1.2.-3", "::1",
        ] {
            #expect(IPv4Range(text) == nil, "\(text)")
        }
    }

    static func range(_ text: String) -> IPv4Range { IPv4Range(text) ?? { preconditionFailure(text) }() }

    static func packet(from peer: Packet.Peer? = nil, port: Int = 15150) -> Packet {
        Packet(
            direction: .inbound, protocol: "tcp", port: port, peer: peer ?? .address(range("10.1.1.4")),
            subnet: [range("10.1.2.0/24")], network: [range("10.1.0.0/16")])
    }

    static func rule(
        _ name: String, _ priority: Int64, _ access: String, way: String = "Inbound", kind: String = "*",
        port: String = "*", source: String = "*", target: String = "*"
    ) -> JSONValue {
        [
            "name": .string(name),
            "properties": [
                "priority": .integer(priority), "direction": .string(way), "access": .string(access),
                "protocol": .string(kind), "sourcePortRange": "*", "destinationPortRange": .string(port),
                "sourceAddressPrefix": .string(source), "destinationAddressPrefix": .string(target),
            ],
        ]
    }

    /// Those that every group has.
    static let defaults: JSONValue = [
        rule("AllowVnetInBound", 65000, "Allow", source: "VirtualNetwork", target: "VirtualNetwork"),
        rule("AllowAzureLoadBalancerInBound", 65001, "Allow", source: "AzureLoadBalancer"),
        rule("DenyAllInBound", 65500, "Deny"),
        rule("AllowVnetOutBound", 65000, "Allow", way: "Outbound", source: "VirtualNetwork", target: "VirtualNetwork"),
        rule("AllowInternetOutBound", 65001, "Allow", way: "Outbound", target: "Internet"),
        rule("DenyAllOutBound", 65500, "Deny", way: "Outbound"),
    ]

    static func group(_ rules: [JSONValue]) -> JSONValue {
        ["location": "westeurope", "properties": ["securityRules": .array(rules), "defaultSecurityRules": defaults]]
    }

    static func rules(_ rules: JSONValue...) throws -> SecurityRules { try self.rules(rules) }
    static func rules(_ rules: [JSONValue]) throws -> SecurityRules { try SecurityRules(JSONNode(group(rules))) }
}
