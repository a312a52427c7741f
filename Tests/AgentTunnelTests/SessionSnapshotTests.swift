import TestSupport
import Testing

@testable import AgentTunnel

@Suite("A session's snapshot")
struct SessionSnapshotTests {
    private static let whole: SessionSnapshot = {
        var snapshot = SessionSnapshot(SessionID(high: 1, low: 2))
        snapshot.isEstablished = true
        (snapshot.acknowledged, snapshot.sent, snapshot.written) = (5, 8, 12)
        (snapshot.kept, snapshot.hasSourceEnded) = ([6, 7, 8, 9, 10, 11, 12], true)
        (snapshot.received, snapshot.consumed, snapshot.reported) = (20, 15, 11)
        snapshot.held = [.init(bytes: [1, 2, 3], credit: 5), .init(bytes: [4], credit: 0)]
        snapshot.responder = [1]
        return snapshot
    }()

    @Test("has all of the session's state, also in a state that continues")
    func whole() throws {
        #expect(try SessionSnapshot(Self.whole.bytes) == Self.whole)
        let state = SessionState(Self.whole)
        var copy = SessionSnapshot(Self.whole.id, state, held: [])
        #expect(copy.kept == Self.whole.kept && copy.sent == 8 && copy.written == 12 && copy.received == 20)
        (copy.isEstablished, copy.held, copy.responder) = (true, Self.whole.held, [1])
        #expect(copy == Self.whole)
    }

    @Test("is refused when it is cut off at any byte, has more bytes, or has impossible counts")
    func malformed() {
        let bytes = Self.whole.bytes
        for count in 0..<bytes.count {
            #expect(throws: SessionFault.malformedSnapshot) { try SessionSnapshot(Array(bytes[..<count])) }
        }
        #expect(throws: SessionFault.malformedSnapshot) { try SessionSnapshot(bytes + [0]) }
        let changes: [(inout SessionSnapshot) -> Void] = [
            { $0.acknowledged = 9 }, { $0.sent = 14 }, { $0.sent = .max }, { $0.written = 13 }, { $0.kept = [] },
            { $0.reported = 16 }, { $0.consumed = 21 }, { $0.received = .max }, { $0.received = 19 }, { $0.held = [] },
            { $0.hasPeerEnded = true },
        ]
        for change in changes {
            var snapshot = Self.whole
            change(&snapshot)
            #expect(throws: SessionFault.malformedSnapshot, "\(snapshot)") { try SessionSnapshot(snapshot.bytes) }
        }
    }
}
