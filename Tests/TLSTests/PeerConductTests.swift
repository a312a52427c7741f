import LinuxIO
import Testing

@testable import TLS

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

    @Test("a first message's length is found however the bytes are cut into records", arguments: [1, 2, 3, 4, 100])
    func firstMessage(recordSize: Int) throws {
        let message: [UInt8] = [1, 0x02, 0x01, 0x00] + Array(repeating: 9, count: 60)
        var wire: [UInt8] = []
        for start in stride(from: 0, to: message.count, by: recordSize) {
            let content = message[start..<min(start + recordSize, message.count)]
            wire += [22, 3, 1, 0, UInt8(content.count)] + content
        }
        for cut in [1, 3, 5, wire.count] {
            var first = FirstMessage()
            var found: [Int] = []
            for start in stride(from: 0, to: wire.count, by: cut) {
                let piece = Array(wire[start..<min(start + cut, wire.count)])
                if let length = unsafe piece.withUnsafeBytes({ unsafe first.length(after: $0) }) {
                    found.append(length)
                }
            }
            #expect(found == [0x02_0100])
        }
    }

    @Test("bytes that are no handshake have no first message")
    func noHandshake() {
        var first = FirstMessage()
        let request = Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        #expect(unsafe request.withUnsafeBytes { unsafe first.length(after: $0) } == nil)
    }
}
