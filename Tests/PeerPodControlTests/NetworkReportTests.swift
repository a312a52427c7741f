import JSON
import PeerPodProtocol
import TTRPC
import Testing

@testable import PeerPodControl

/// The network of a pod that is well: 12 packets in, 10 out.
func soundNetwork() -> PodNetworkStatus {
    func hop(_ place: String, _ interface: String, _ mtu: Int, to target: String = "") -> HopStatus {
        .with {
            $0.place = place
            $0.interface = interface
            $0.mtu = mtu
            $0.isUp = true
            $0.redirectedTo = target
            $0.receivedPackets = 12
            $0.receivedBytes = 1200
            $0.sentPackets = 10
            $0.sentBytes = 999
        }
    }
    return .with {
        $0.namespacePath = "/run/netns/cni-1"
        $0.addresses = ["10.244.1.5/24"]
        $0.vxlanID = 555_001
        $0.vxlanPort = 4789
        $0.nodeAddress = "10.0.0.1"
        $0.vmAddress = "10.0.0.2"
        $0.hops = [
            hop("pod namespace on the node", "eth0", 1500, to: "vxlan1"),
            hop("pod namespace on the node", "vxlan1", 1450, to: "eth0"), hop("VM", "eth0", 1500),
            hop("pod namespace in the VM", "eth0", 1450),
        ]
        $0.routes = ["default via 10.244.1.1"]
    }
}

@Suite("The report of a pod's network")
struct NetworkReportTests {
    @Test("is a table from the pod's interface on the node to the one in the VM")
    func sound() {
        #expect(
            NetworkReport(status: soundNetwork()).lines == [
                "addresses  10.244.1.5/24",
                "namespace  /run/netns/cni-1",
                "tunnel     VXLAN 555001 over UDP port 4789, node 10.0.0.1 ⇄ VM 10.0.0.2",
                "",
                "PLACE                      INTERFACE   MTU  STATE  GOES TO     RECEIVED        SENT  DROPPED",
                "pod namespace on the node  eth0       1500  up     vxlan1   12 (1.2 kB)  10 (999 B)        0",
                "pod namespace on the node  vxlan1     1450  up     eth0     12 (1.2 kB)  10 (999 B)        0",
                "VM                         eth0       1500  up     -        12 (1.2 kB)  10 (999 B)        0",
                "pod namespace in the VM    eth0       1450  up     -        12 (1.2 kB)  10 (999 B)        0",
                "",
                "routes in the VM",
                "  default via 10.244.1.1",
                "",
                "Both ends are as planned.",
            ])
    }

    @Test("ends with every problem, and their number")
    func broken() {
        var status = soundNetwork()
        status.hops[1].isUp = false
        status.hops[1].sentDropped = 3
        status.problems = ["vxlan1 is down.", "The VM does not hear: see to UDP port 4789.\u{1b}[2J"]
        let report = NetworkReport(status: status)
        #expect(report.verdict == .broken)
        #expect(report.lines.contains { $0.contains("vxlan1     1450  down") && $0.hasSuffix("3") })
        #expect(
            report.lines.suffix(5) == [
                "problems", "  vxlan1 is down.", "  The VM does not hear: see to UDP port 4789.\\u001b[2J", "",
                "2 problems.",
            ])
    }

    @Test("says what is unknown when the VM does not report its side")
    func unclear() {
        var status = soundNetwork()
        status.hops.removeLast(2)
        status.silence = "its forwarder is another's, and knows no such question"
        let report = NetworkReport(status: status)
        #expect(report.verdict == .unclear)
        #expect(report.lines.last?.hasSuffix("the VM's end is unknown: \(status.silence)") == true)
    }

    @Test("is one line for a pod without a network")
    func none() {
        let report = NetworkReport(status: PodNetworkStatus())
        #expect(report.verdict == .none)
        #expect(report.lines.count == 1 && report.lines[0].hasPrefix("no network of its own"))
    }

    @Test("is also shown before the VM has an address")
    func early() {
        var status = soundNetwork()
        status.vmAddress = ""
        #expect(
            NetworkReport(status: status).lines.contains {
                $0.hasSuffix("node 10.0.0.1 ⇄ VM without an address yet")
            })
    }

    @Test("is without a table when no interface is known")
    func unseen() {
        var status = soundNetwork()
        status.hops = []
        status.problems = ["The pod's namespace is gone."]
        let lines = NetworkReport(status: status).lines
        #expect(!lines.contains { $0.contains("INTERFACE") })
        #expect(lines.contains("  The pod's namespace is gone."))
    }

    @Test("is complete in JSON, with a verdict as a summary")
    func json() throws {
        let object = NetworkReport(status: soundNetwork()).json
        let document = try JSONNode(JSONValue(parsing: JSONValue.object(object).encoded()))
        #expect(try document.bool("ok"))
        #expect(try document.string("verdict") == "sound")
        #expect(try document.strings("addresses") == ["10.244.1.5/24"])
        let tunnel = try document.object("tunnel")
        #expect(try tunnel.integer("id") == 555_001)
        #expect(try tunnel.string("vm") == "10.0.0.2")
        let hops = try document.objects("hops")
        #expect(try hops.map { try $0.string("interface") } == ["eth0", "vxlan1", "eth0", "eth0"])
        #expect(try hops[0].object("received").integer("packets") == 12)
        #expect(try hops[0].object("sent").integer("bytes") == 999)
    }

    @Test(
        "amounts have a suitable unit",
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"),
            (104_857_600, "104.9 MB"), (UInt64.max, "18.4 EB"),
        ] as [(UInt64, String)])
    func amounts(bytes: UInt64, text: String) { #expect(bytesText(bytes) == text) }
}

@Suite("The sandbox that an argument names")
struct SandboxChoiceTests {
    private let list = SandboxList.with {
        $0.sandboxes = [
            ("0a0b", "shop", "web", "running"), ("0a0c", "blog", "web", "running"), ("1d", "shop", "db", "deleting"),
            ("2e", "shop", "db", "booting"), ("3f", "shop", "0a", "running"),
        ].map { id, namespace, name, state in
            .with {
                $0.id = id + String(repeating: "0", count: 60)
                $0.podNamespace = namespace
                $0.podName = name
                $0.state = state
            }
        }
    }

    @Test(
        "is found by name, by namespace and name, and by the beginning of its id",
        arguments: [
            ("shop/web", "0a0b"), ("1d", "1d"), ("0a0c", "0a0c"), ("db", "2e"), ("shop/db", "2e"), ("0a", "3f"),
        ])
    func found(operand: String, id: String) throws {
        #expect(try list.sandbox(named: operand).id.hasPrefix(id))
    }

    @Test("is not guessed: an ambiguous argument gives an error with all matches", arguments: ["web", "0a0"])
    func several(operand: String) throws {
        let failure = try #require(throws: PodFailure.self) { try list.sandbox(named: operand) }
        #expect(failure.message.contains("0a0b00000000 (shop/web), 0a0c00000000 (blog/web)"))
    }

    @Test("is none when no sandbox matches, or when the argument is empty", arguments: ["ff", "", "shop/", "web2"])
    func none(operand: String) throws {
        let failure = try #require(throws: PodFailure.self) { try list.sandbox(named: operand) }
        #expect(failure.advice.contains("peerpodctl status"))
    }
}
