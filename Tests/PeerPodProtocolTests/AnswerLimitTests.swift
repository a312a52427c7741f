import PeerPodProtocol
import TTRPC
import Testing

@Suite("Answers of a pod VM")
struct AnswerLimitTests {
    @Test("an answer of a hostile VM is refused before it fills the memory, and an answer of a correct VM is accepted")
    func hostileAnswer() throws {
        let limits = ClientLimits.untrusted
        let hops = Array(repeatElement([0x0A, 0] as [UInt8], count: limits.answerBytes / 2).joined())
        #expect(throws: ProtobufError.tooManyFields(limit: limits.answerFields)) {
            try VMNetworkStatus(parsing: hops, fieldLimit: limits.answerFields)
        }
        // As much of everything as our forwarder sends.
        let status = VMNetworkStatus.with {
            $0.hops = Array(repeating: HopStatus.with { $0.interface = "eth0" }, count: 8)
            $0.addresses = (0..<1100).map { "2001:db8:0:0:1::\($0)/128" }
            $0.routes = (0..<1100).map { "2001:db8:\($0)::/48 via fe80::1 dev eth0 metric 1024" }
            $0.problems = (0..<1100).map { "The address 2001:db8::\($0) is missing." }
        }
        #expect(status.encoded.count < limits.answerBytes)
        #expect(try VMNetworkStatus(parsing: status.encoded, fieldLimit: limits.answerFields) == status)
    }
}
