import LinuxIO
import Testing

@testable import TLS

@Suite("The detector of record floods")
struct RecordFloodDetectorTests {
    @Test("accepts sixteen tickets, and refuses one more")
    func tickets() {
        var detector = RecordFloodDetector()
        for _ in 0..<16 { detector.noteTicket() }
        #expect(detector.violation == nil)
        detector.noteTicket()
        #expect(detector.violation == .tickets)
    }

    @Test("accepts key updates in proportion to the bytes that the peer sends")
    func keyUpdates() {
        var detector = RecordFloodDetector()
        for _ in 0..<1000 {
            detector.noteKeyUpdate()
            detector.noteBytes(1 << 20)
        }
        #expect(detector.violation == nil)
        var flood = RecordFloodDetector()
        for _ in 0..<17 {
            flood.noteKeyUpdate()
            flood.noteBytes(1)
        }
        #expect(flood.violation == .keyUpdates)
    }

    @Test("accepts records without content between others, and refuses an endless series of them")
    func emptyRecords() {
        var detector = RecordFloodDetector()
        for _ in 0..<100 {
            for _ in 0..<64 { detector.noteRecord() }
            detector.noteBytes(1)
        }
        #expect(detector.violation == nil)
        for _ in 0..<65 { detector.noteRecord() }
        #expect(detector.violation == .emptyRecords)
    }

    @Test("ends a turn after a fixed number of records, however small they are")
    func turns() {
        var detector = RecordFloodDetector()
        for _ in 0..<RecordFloodDetector.recordsPerTurn {
            #expect(!detector.isTurnOver)
            detector.noteRecord()
            detector.noteBytes(1)
        }
        #expect(detector.isTurnOver)
        detector.beginTurn()
        #expect(!detector.isTurnOver)
    }

    @Test(
        "finds the length of the first message, however the bytes are cut into records", arguments: [1, 2, 3, 4, 100])
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

    @Test("finds no first message in bytes that are not a handshake")
    func noHandshake() {
        var first = FirstMessage()
        let request = Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        #expect(unsafe request.withUnsafeBytes { unsafe first.length(after: $0) } == nil)
    }
}
