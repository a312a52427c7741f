import NetworkRig
import Testing

@testable import PodNetwork

@Suite("what is wrong between the ends")
struct PathDiagnosisTests {
    /// What has gone out and come in at each end, whether the VM tells, and what is then to be said.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let node: (sent: UInt64, received: UInt64)
        var dropped: UInt64 = 0
        let vm: (sent: UInt64, received: UInt64)?
        let words: String?

        var testDescription: String { name }
    }

    private static let cases = [
        Case(name: "nothing was sent yet", node: (0, 0), vm: (0, 0), words: nil),
        Case(name: "nothing was sent, and the VM does not tell", node: (0, 0), vm: nil, words: nil),
        Case(name: "all is well", node: (9, 8), vm: (8, 9), words: nil),
        Case(name: "all is well, and the VM does not tell", node: (9, 8), vm: nil, words: nil),
        Case(name: "the pod has nothing to say", node: (9, 0), vm: (0, 9), words: nil),
        Case(name: "nobody speaks to the pod", node: (0, 9), vm: (9, 0), words: nil),
        Case(
            name: "the VM gets nothing", node: (1, 0), vm: (0, 0),
            words: "UDP port 4789 does not get through to the VM at 10.0.0.2: 1 packet left"),
        Case(
            name: "the VM gets nothing, and is heard", node: (7, 3), vm: (3, 0),
            words: "does not get through to the VM at 10.0.0.2: 7 packets left"),
        Case(
            name: "the node gets nothing", node: (4, 0), vm: (3, 4),
            words: "does not get through from the VM at 10.0.0.2: 3 packets left"),
        Case(name: "neither gets anything", node: (4, 0), vm: (3, 0), words: "gets through in neither direction"),
        Case(name: "none came back, and the VM does not tell", node: (4, 0), vm: nil, words: "none came back"),
        Case(
            name: "the node has no way", node: (0, 0), dropped: 5, vm: (0, 0),
            words: "The node threw away every packet for the VM (5)"),
    ]

    @Test("is told by what was sent and what arrived, and never of what nobody sent", arguments: cases)
    func counters(_ it: Case) throws {
        let tunnel = Tunnel(7, to: try address("10.0.0.2"))
        var hop = NodeEndState.Hop(interface: "vxlan1", mtu: 1450, isUp: true, counters: .init())
        hop.counters.sent.packets = it.node.sent
        hop.counters.sent.dropped = it.dropped
        hop.counters.received.packets = it.node.received
        let far = it.vm.map {
            PathDiagnosis.FarEnd(pod: .init(received: $0.received, sent: $0.sent, mtu: 1450), problems: [])
        }
        let found = PathDiagnosis.problems(of: tunnel, node: NodeEndState(tunnel: hop), vm: far)
        #expect(found.count == (it.words == nil ? 0 : 1), "\(found)")
        if let words = it.words { #expect(found.first?.contains(words) == true, "\(found)") }
    }

    @Test("comes after what is wrong at the ends, and is not said where one is missing")
    func ends() throws {
        let tunnel = Tunnel(7, to: try address("10.0.0.2"))
        var hop = NodeEndState.Hop(interface: "vxlan1", mtu: 1450, isUp: true, counters: .init())
        hop.counters.sent.packets = 4
        let missing = PathDiagnosis.problems(
            of: tunnel, node: NodeEndState(tunnel: nil, problems: ["The node's end is missing."]),
            vm: .init(pod: .init(received: 0, sent: 5, mtu: 1450), problems: ["The VM's is down."]))
        #expect(missing == ["The node's end is missing.", "The VM's is down."])
        let gone = PathDiagnosis.problems(
            of: tunnel, node: NodeEndState(tunnel: hop), vm: .init(pod: nil, problems: ["The VM's is missing."]))
        #expect(gone == ["The VM's is missing."])
        let large = PathDiagnosis.problems(
            of: tunnel, node: NodeEndState(tunnel: hop),
            vm: .init(pod: .init(received: 4, sent: 0, mtu: 1500), problems: []))
        #expect(large.count == 1 && large[0].contains("1500 bytes"))
    }
}
