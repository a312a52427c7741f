import LinuxIO
import Testing

@testable import AgentTunnel

@Suite("A TLS peer's conduct")
struct PeerConductTests {
    @Test("sixteen tickets are well, and one more is not")
    func tickets() {
        var conduct = PeerConduct()
        for _ in 0..<16 { conduct.noteTicket() }
        #expect(conduct.offence == nil)
        conduct.noteTicket()
        #expect(conduct.offence == .tickets)
    }

    @Test("key updates are well in proportion to what is sent")
    func keyUpdates() {
        var conduct = PeerConduct()
        for _ in 0..<1000 {
            conduct.noteKeyUpdate()
            conduct.noteBytes(1 << 20)
        }
        #expect(conduct.offence == nil)
        var flood = PeerConduct()
        for _ in 0..<17 {
            flood.noteKeyUpdate()
            flood.noteBytes(1)
        }
        #expect(flood.offence == .keyUpdates)
    }

    @Test("records without content are well between others, and not without end")
    func emptyRecords() {
        var conduct = PeerConduct()
        for _ in 0..<100 {
            for _ in 0..<64 { conduct.noteRecord() }
            conduct.noteBytes(1)
        }
        #expect(conduct.offence == nil)
        for _ in 0..<65 { conduct.noteRecord() }
        #expect(conduct.offence == .emptyRecords)
    }

    @Test("a turn ends after so many records, however small they are")
    func turns() {
        var conduct = PeerConduct()
        for _ in 0..<PeerConduct.recordsPerTurn {
            #expect(!conduct.isTurnOver)
            conduct.noteRecord()
            conduct.noteBytes(1)
        }
        #expect(conduct.isTurnOver)
        conduct.beginTurn()
        #expect(!conduct.isTurnOver)
    }
}
