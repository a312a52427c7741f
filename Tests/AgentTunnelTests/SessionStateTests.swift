import TestSupport
import Testing

@testable import AgentTunnel

@Suite("The state of a session")
struct SessionStateTests {
    @Test("loses, repeats and reorders no byte when the connection is cut at every byte", arguments: [1, 3, 64, 1000])
    func everyCut(room: Int) throws {
        let (up, down) = ([UInt8](0..<90), [UInt8](100..<160))
        var wire = 1
        while true {
            var pair = SessionPair(up: up, down: down, window: 64, room: room + SessionFrame.headerSize)
            try pair.carry(cuttingAfter: { $0 == 0 ? wire : nil })
            #expect(pair.near.delivered == down && pair.far.delivered == up)
            if pair.cuts == 0 { break }
            wire += 1
        }
        // Each frame has a header, so the cuts were everywhere in it too.
        #expect(wire > up.count + down.count + 2 * SessionFrame.headerSize)
    }

    @Test("loses no byte when the connection is cut again and again", arguments: 0..<40)
    func manyCuts(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let up = (0..<Int.random(in: 0...3000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let down = (0..<Int.random(in: 0...3000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var pair = SessionPair(
            up: up, down: down, window: .random(in: 1...700, using: &random),
            room: .random(in: 13...200, using: &random))
        pair.sourcePiece = .random(in: 1...300, using: &random)
        pair.sinkPiece = .random(in: 1...300, using: &random)
        try pair.carry(cuttingAfter: { $0 < 60 ? .random(in: 0...400, using: &random) : nil })
        #expect(pair.near.delivered == down && pair.far.delivered == up)
        #expect(pair.near.hasEnded && pair.far.hasEnded)
    }

    @Test("keeps at most the window, and no memory once all is acknowledged")
    func window() throws {
        var state = SessionState(window: 100)
        var taken = 0
        while state.outgoing.hasRoom { taken += fill(&state, [UInt8](repeating: 7, count: 60)) }
        #expect(taken == 100)
        #expect(send(&state) == SessionFrame(.data, value: 100, consumed: 0))
        _ = try state.receive(SessionFrame(.acknowledgement, consumed: 60))
        #expect(fill(&state, [UInt8](repeating: 8, count: 80)) == 60)
        _ = try state.receive(SessionFrame(.acknowledgement, consumed: 100))
        #expect(send(&state) == SessionFrame(.data, value: 60, consumed: 0))
        _ = try state.receive(SessionFrame(.acknowledgement, consumed: 160))
        state.idle(ping: false)
        #expect(state.outgoing.capacity == 0)
    }

    @Test("does not read into the last quarter of the window, and goes on once the peer has acknowledged half a window")
    func smallRest() throws {
        var state = SessionState(window: 100)
        #expect(fill(&state, [UInt8](repeating: 7, count: 76)) == 76)
        #expect(!state.outgoing.hasRoom)
        _ = send(&state)
        _ = try state.receive(SessionFrame(.acknowledgement, consumed: 50))
        #expect(state.outgoing.hasRoom)
    }

    @Test("reports received bytes with each frame, and on its own after half a window")
    func reports() throws {
        var state = SessionState(window: 100)
        _ = try state.receive(SessionFrame(.data, value: 49, consumed: 0))
        state.receivePayload(49)
        state.consume(49)
        #expect(!state.owesFrame)
        _ = fill(&state, [1])
        #expect(send(&state) == SessionFrame(.data, value: 1, consumed: 49))
        _ = try state.receive(SessionFrame(.data, value: 50, consumed: 1))
        state.receivePayload(50)
        state.consume(50)
        #expect(send(&state) == SessionFrame(.acknowledgement, consumed: 99))
        #expect(!state.owesFrame)
    }

    @Test("refuses what no honest peer sends")
    func faults() throws {
        var state = SessionState(window: 100)
        _ = fill(&state, [1, 2, 3])
        #expect(throws: SessionFault.acknowledgedUnsent(1, sent: 0)) {
            try state.receive(SessionFrame(.ping, consumed: 1))
        }
        #expect(throws: SessionFault.windowExceeded(by: 1)) {
            try state.receive(SessionFrame(.data, value: 101, consumed: 0))
        }
        state.noteSent(SessionFrame(.data, value: 3, consumed: 0))
        _ = try state.receive(SessionFrame(.pong, consumed: 2))
        for position: UInt64 in [0, 1, 4, .max] {
            #expect(throws: SessionFault.impossibleResume(position, kept: 2...3)) {
                try state.resume(peerReceived: position)
            }
        }
        try state.resume(peerReceived: 3)
        _ = try state.receive(SessionFrame(.end, consumed: 3))
        #expect(throws: SessionFault.afterEnd) { try state.receive(SessionFrame(.end, consumed: 3)) }
        #expect(throws: SessionFault.afterEnd) { try state.receive(SessionFrame(.data, value: 1, consumed: 3)) }
        #expect(throws: SessionFault.unknownFrame(7)) { try SessionFrame(0x0700_0000, 0) }
        #expect(throws: SessionFault.unknownFrame(0)) { try SessionFrame(0, 0) }
        #expect(throws: SessionFault.impossibleValue(.data, 0)) { try SessionFrame(0x0100_0000, 0) }
        #expect(throws: SessionFault.impossibleValue(.ping, 1)) { try SessionFrame(0x0300_0001, 0) }
        #expect(throws: SessionFault.impossibleValue(.data, (256 << 10) + 1)) { try SessionFrame(0x0104_0001, 0) }
    }

    @Test("the first messages are the same after they are encoded and read")
    func hello() throws {
        let id = SessionID.random()
        for hello in [SessionHello(.new, id), SessionHello(.resume, id, received: 0x0102_0304_0506_0708)] {
            #expect(hello.bytes.count == SessionHello.size)
            #expect(try SessionHello(hello.bytes) == hello)
        }
        #expect(SessionHello(.resume, id, received: 0x0102_0304_0506_0708).bytes.suffix(8) == [1, 2, 3, 4, 5, 6, 7, 8])
        let answer = SessionAnswer(.accepted, received: 0xFFFF_FFFF_FF)
        #expect(try SessionAnswer(answer.bytes) == answer)
        var new = SessionHello(.new, id).bytes
        new[24] = 1
        for bad in [[], [1], [3] + [UInt8](repeating: 0, count: 24), new] {
            #expect(throws: SessionFault.malformedHello) { try SessionHello(bad) }
        }
        #expect(throws: SessionFault.malformedHello) { try SessionAnswer([0] + [UInt8](repeating: 0, count: 8)) }
    }

    private func send(_ state: inout SessionState) -> SessionFrame? {
        let frame = state.nextFrame(room: 1000)
        if let frame { state.noteSent(frame) }
        return frame
    }

    private func fill(_ state: inout SessionState, _ bytes: [UInt8]) -> Int {
        let count = unsafe state.fill { room in
            let count = min(bytes.count, room.count)
            unsafe room.copyBytes(from: bytes[..<count])
            return count
        }
        return count ?? 0
    }
}
