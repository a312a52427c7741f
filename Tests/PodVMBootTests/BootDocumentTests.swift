import PodNetwork
import PodVMBoot
import Telemetry
import Testing

@Suite("apf.json")
struct BootDocumentTests {
    @Test("parses what Go writes")
    func full() throws {
        let document = try Golden.document()
        let network = try #require(document.podNetwork)
        #expect(document.podName == "nginx")
        #expect(document.podNamespace == "default")
        #expect(document.serverKey?.reveal().hasPrefix("-----BEGIN PRIVATE KEY-----\n") == true)
        #expect(document.serverCertificate?.contains("TUlJQg==") == true)
        #expect(document.clientCA?.contains("Q0E=") == true)
        #expect(document.minimumTLSVersion == "VersionTLS12")
        #expect(document.cipherSuites == ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"])
        #expect(network.podAddress == NetPrefix("10.244.0.19/24"))
        #expect(network.hardwareAddress == LinkAddress("0a:58:0a:f4:00:13"))
        #expect(network.interface == "eth0")
        #expect(network.nodeAddress == NetPrefix("10.0.0.4/24"))
        #expect((network.mtu, network.index, network.vxlanPort, network.vxlanID) == (1450, 3, 4789, 555_003))
        #expect((network.isDedicated, network.isExternalThroughVM) == (false, false))
        #expect(network.routes.map(\.destination) == [NetPrefix("0.0.0.0/0"), NetPrefix("10.244.0.0/24"), nil])
        #expect(network.routes.map(\.gateway) == [NetAddress("10.244.0.1"), nil, NetAddress("10.244.0.1")])
        #expect(network.routes.map(\.device) == ["eth0", "eth0", ""])
        #expect(network.routes.map(\.protocol) == [.boot, .kernel, nil])
        #expect(network.routes.map(\.scope) == [.universe, .link, .universe])
        #expect(network.neighbors.map(\.state) == [.permanent])
    }

    @Test("writes the same bytes as Go")
    func written() throws {
        #expect(String(decoding: try Golden.document().encoded, as: UTF8.self) == Golden.full)
    }

    @Test("parses null arrays and missing members")
    func sparse() throws {
        let document = try BootDocument(parsing: Array(Golden.sparse.utf8))
        let network = try #require(document.podNetwork)
        #expect(network.routes.isEmpty && network.neighbors.isEmpty)
        #expect((network.vxlanPort, network.vxlanID) == (0, 0))
        #expect((network.isDedicated, network.isExternalThroughVM) == (true, true))
        #expect(document.serverKey == nil && document.clientCA == nil && document.minimumTLSVersion == nil)
        #expect(try BootDocument(parsing: document.encoded) == document)
    }

    @Test("leaves out the members that Go leaves out, and writes null for no network")
    func omitted() {
        let text = String(decoding: BootDocument(podName: "a", podNamespace: "b").encoded, as: UTF8.self)
        #expect(text == "{\n    \"pod-network\": null,\n    \"pod-namespace\": \"b\",\n    \"pod-name\": \"a\"\n}\n")
    }

    @Test("ignores unknown keys, and the case of known keys")
    func tolerant() throws {
        let text = #"{"Pod-Name": "a", "POD-NAMESPACE": "b", "future": {"x": [1]}, "pod-network": null}"#
        #expect(try BootDocument(parsing: Array(text.utf8)) == BootDocument(podName: "a", podNamespace: "b"))
    }

    @Test("never shows the key, nor any text that it could not parse")
    func secret() throws {
        var shown = ""
        dump(try Golden.document(), to: &shown)
        #expect(!shown.contains("TUlHSEFnRUFN"))
        #expect(!"\(try Golden.document())".contains("TUlHSEFnRUFN"))
        let broken = Golden.full.replacing("TUlHSEFnRUFN", with: "TUlHSEFnRUFN\" TUlHSEFnRUFN ")
        let error = #expect(throws: BootError.self) { try BootDocument(parsing: Array(broken.utf8)) }
        #expect(error?.description.contains("TUlHSEFnRUFN") == false)
    }

    @Test("refuses a document that is cut off at any place")
    func truncated() {
        let bytes = Array(Golden.full.utf8)
        for count in 0..<(bytes.count - 2) {
            #expect(throws: BootError.self, "cut after \(count)") { try BootDocument(parsing: Array(bytes[..<count])) }
        }
    }

    @Test(
        "reports which value has the wrong type or is out of range",
        arguments: [
            ("\"mtu\": 1450", "\"mtu\": \"big\"", "pod-network.mtu: expected a whole number, found a string"),
            ("\"mtu\": 1450", "\"mtu\": 70000", "pod-network.mtu: expected 0 to 65535, found 70000"),
            ("\"mtu\": 1450", "\"mtu\": 1450.5", "pod-network.mtu: expected a whole number, found a number"),
            ("\"vxlan-id\": 555003", "\"vxlan-id\": 16777216", "pod-network.vxlan-id: expected 0 to 16777215"),
            ("10.244.0.19/24", "10.244.0.19", "pod-network.podip: expected an address with its prefix length"),
            ("10.244.0.19/24", "", "pod-network.podip: expected an address with its prefix length, found nothing"),
            ("0a:58:0a:f4:00:13", "0a:58", "pod-network.pod-hw-addr: expected an Ethernet address"),
            ("\"interface\": \"eth0\"", "\"interface\": \"../eth\"", "pod-network.interface: expected the name"),
            ("\"tunnel-type\": \"vxlan\"", "\"tunnel-type\": \"gre\"", "pod-network.tunnel-type: expected \"vxlan\""),
            ("\"gw\": \"\"", "\"gw\": \"x\"", "pod-network.routes[1].gw: expected an address, found \"x\""),
            ("\"gw\": \"\"", "\"gw\": \"\u{202E}x\"", "routes[1].gw: expected an address, found 4 bytes of other text"),
            ("\"kernel\"", "\"bgp\"", "pod-network.routes[1].protocol: expected static, boot, dhcp or kernel"),
            ("\"link\"", "\"far\"", "pod-network.routes[1].scope: expected universe"),
            ("\"permanent\"", "\"gone\"", "pod-network.neighbors[0].state: expected a neighbour state"),
            ("\"pod-name\": \"nginx\"", "\"pod-name\": 7", "pod-name: expected a string, found a whole number"),
            ("\"pod-name\"", "\"pod\"", "pod-name: expected a string, found nothing"),
            ("\"tls-server-key\"", "\"x\"", "tls-server-key: expected a string, since tls-server-cert is there"),
            ("\"dedicated\": false", "\"dedicated\": 0", "pod-network.dedicated: expected true or false"),
            ("\"index\": 3", "\"index\": 3, \"Index\": 4", "pod-network.index: occurs twice"),
            ("\"VersionTLS12\"", "[]", "tls-min-version: expected a string, found an array"),
            ("\"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\"", "4", "tls-cipher-suites[0]: expected a string"),
        ])
    func wrong(part: String, replacement: String, message: String) throws {
        let text = Golden.full.replacing(part, with: replacement, maxReplacements: 1)
        try #require(text != Golden.full)
        let error = #expect(throws: BootError.self) { try BootDocument(parsing: Array(text.utf8)) }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test("refuses text that is not an object, nested too deep or too long")
    func notADocument() {
        for text in ["", "null", "[]", "\"x\"", String(repeating: "[", count: 100)] {
            #expect(throws: BootError.self) { try BootDocument(parsing: Array(text.utf8)) }
        }
        let long = #"{"pod-name": "\#(String(repeating: "a", count: BootDocument.sizeLimit))", "pod-namespace": ""}"#
        let error = #expect(throws: BootError.self) { try BootDocument(parsing: Array(long.utf8)) }
        #expect(error?.code == .tooLarge)
    }
}
