import LinuxIO
import PodNetwork
import PodVMBoot
import Telemetry
import TestSupport
import Testing

/// Our boot document, read and written by Go's encoding/json with the tags of the Go programs.
@Suite(.enabled(if: GoPeer.isAvailable, GoPeer.need))
struct BootDocumentPeerTests {
    private static func full() throws -> BootDocument {
        var network = PodNetworkDescription(
            podAddress: try #require(NetPrefix("10.244.0.19/24")),
            hardwareAddress: try #require(LinkAddress("0a:58:0a:f4:00:13")), interface: "eth0",
            nodeAddress: try #require(NetPrefix("10.0.0.4/24")), mtu: 1450)
        network.vxlanPort = 4789
        network.vxlanID = 555_001
        var document = BootDocument(podName: "nginx-Grüße", podNamespace: "default")
        document.podNetwork = network
        document.serverKey = Secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        document.serverCertificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        document.clientCA = document.serverCertificate
        document.minimumTLSVersion = "VersionTLS12"
        document.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
        return document
    }

    private func passed(_ input: [UInt8], _ flags: [String] = []) async throws -> [UInt8] {
        let peer = try GoPeer()
        let run = try await onLoop { loop in try await peer.run(["apf"] + flags, input: input, on: loop) }
        #expect(run.status == .exited(0), "\(run.errorText)")
        return run.output
    }

    @Test("Go parses our document to the same values, and we parse Go's document to the same values")
    func bothDirections() async throws {
        let document = try BootDocumentPeerTests.full()
        await #expect(try BootDocument(parsing: passed(document.encoded)) == document)
        let bare = BootDocument(podName: "nginx", podNamespace: "default")
        await #expect(try BootDocument(parsing: passed(bare.encoded)) == bare)
    }

    @Test("Go ignores only the fields that it does not know, and the rest describes what Go can do")
    func newFacts() async throws {
        let plain = try #require(BootDocumentPeerTests.full().podNetwork).plan()
        var plan = plain
        plan.addresses.append(try #require(NetPrefix("fd00::19/64")))
        plan.routes = [
            PodRoute(to: .allVersion4, through: NetAddress("10.244.0.1"), priority: 100, isOnLink: true, mtu: 1400),
            PodRoute(to: .allVersion6, through: NetAddress("fd00::1")),
        ]
        plan.neighbors = [PodNeighbor(try #require(NetAddress("fd00::1")), is: plan.hardwareAddress)]
        var document = try BootDocumentPeerTests.full()
        document.podNetwork = PodNetworkDescription(
            plan, node: try #require(NetPrefix("10.0.0.4/24")), index: 0, isDedicated: false)
        let read = try await BootDocument(parsing: passed(document.encoded, ["-strict=false"]))
        var known = plain
        known.routes = [PodRoute(to: .allVersion4, through: NetAddress("10.244.0.1"))]
        #expect(try #require(read.podNetwork).plan() == known)
    }

    @Test("the recorded documents equal the ones that Go's net and net/netip write", arguments: ["netlink", "mapped"])
    func recordings(name: String) async throws {
        let tests = Files.parent(of: Files.parent(of: #filePath))
        let recorded = try DurableFile.read(
            "\(tests)/Peers/recordings/apf-\(name).json", limit: BootDocument.sizeLimit)
        await #expect(try passed([], ["-recording", name]) == recorded)
        // What we make of it is what a Go guest reads as plain IPv4.
        let ours = try BootDocument(parsing: recorded)
        let theirs = try await passed(ours.encoded)
        #expect(!String(decoding: theirs, as: UTF8.self).contains("::ffff:"))
        #expect(try BootDocument(parsing: theirs) == ours)
    }

    @Test("our document and the one that Go writes have the same bytes, except for the newline at the end")
    func sameBytes() async throws {
        var document = try BootDocumentPeerTests.full()
        var route = PodNetworkDescription.Route(to: .allVersion4, through: NetAddress("10.244.0.1"))
        route.device = "eth0"
        document.podNetwork?.routes = [route]
        document.podNetwork?.neighbors = [
            .init(
                try #require(NetAddress("10.244.0.1")), is: try #require(LinkAddress("0a:58:0a:f4:00:01")), on: "eth0")
        ]
        let encoded = document.encoded
        await #expect(
            String(decoding: try passed(encoded), as: UTF8.self) + "\n" == String(decoding: encoded, as: UTF8.self))
    }

    @Test("Go finds our document in our user data, and we find Go's in its own")
    func userData() async throws {
        let document = try BootDocumentPeerTests.full()
        let ours = Array(try UserData(document).encoded().utf8)
        await #expect(try BootDocument(parsing: passed(ours, ["-user-data"])) == document)
        let theirs = try await passed(document.encoded, ["-as-user-data"])
        let files = try UserData.cloudConfig(in: theirs).files
        #expect(files.map(\.path) == ["/run/peerpod/apf.json"])
        #expect(try BootDocument(parsing: Array(files.first?.content.utf8 ?? "".utf8)) == document)
    }
}
