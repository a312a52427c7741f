import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("The journal of a session")
struct SessionJournalTests {
    static let id = SessionID(high: 1, low: 2)

    // As the programs do: sendfile(2) has no flag against the signal.
    init() { Signals.ignoreBrokenPipes() }

    /// A store in this process.
    final class Store: DescriptorStore {
        private let numbers = Lock<[String: CInt]>([:])

        func keep(_ descriptor: CInt, as name: String) throws(SystemCallError) {
            let copy = try OwnedFD(duplicating: descriptor).disowned()
            numbers.withLock { $0[name] = copy }
        }

        func drop(_ name: String) {
            if let number = numbers.withLock({ $0.removeValue(forKey: name) }) { _ = OwnedFD(owning: number) }
        }

        /// Changes the file `name`.
        func write(_ bytes: UnsafeRawBufferPointer, to name: String, at position: Int) throws {
            let number = numbers.withLock { $0[name] } ?? -1
            let file = MemoryFile(try OwnedFD(duplicating: number), named: name)
            unsafe try file.write(bytes, at: UInt64(position))
        }

        /// The bytes of memory that the file `name` uses.
        func memory(of name: String) -> Int {
            var info = stat()
            let number = numbers.withLock { $0[name] } ?? -1
            return unsafe fstat(number, &info) == 0 ? Int(info.st_blocks) * 512 : -1
        }

        /// Gives the descriptors to the next process.
        func take() -> KeptDescriptors {
            KeptDescriptors(
                owning: numbers.withLock { numbers in
                    defer { numbers = [:] }
                    return numbers
                })
        }
    }

    /// A session's end as one process has it.
    struct Process {
        var core: SessionCore
        let near: LinuxIO.Stream

        mutating func pass(_ bytes: [UInt8]) throws {
            var room = BufferPool.privateBlock(size: max(bytes.count, 1))
            unsafe bytes.withUnsafeBytes { unsafe room.bytes.copyMemory(from: $0) }
            core.state.receivePayload(bytes.count)
            try core.passOn(&room, bytes.count)
        }

        /// Sends all frames that are due. Returns their payloads.
        mutating func takeFrames() -> [UInt8] {
            var payloads: [UInt8] = []
            while let frame = core.state.nextFrame(room: 1 << 20) {
                if frame.kind == .data {
                    unsafe core.state.outgoing.withUnsent(frame.value) { unsafe payloads += $0 }
                }
                core.state.noteSent(frame)
            }
            return payloads
        }

        /// The peer acknowledges all bytes.
        mutating func acknowledge() throws {
            let all = core.state.outgoing.written
            _ = try core.state.receive(SessionFrame(.acknowledgement, value: 0, consumed: all))
            core.idle(ping: false)
        }

        /// Sends all frames to a peer that acknowledges them.
        mutating func peerReceivesAll() throws {
            _ = takeFrames()
            try acknowledge()
        }
    }

    /// The agent's messages among these bytes with their lengths, and the answers of an ``AnsweringFilter`` without them.
    static func sorted(_ bytes: [UInt8]) -> (messages: [UInt8], answers: [UInt8]) {
        var (offset, messages, answers): (Int, [UInt8], [UInt8]) = (0, [], [])
        while offset < bytes.count {
            let message = bytes[offset..<min(offset + 1 + Int(bytes[offset]), bytes.count)]
            if message.count == 2 { answers += message.dropFirst() } else { messages += message }
            offset += message.count
        }
        return (messages, answers)
    }

    func begin(
        _ store: Store, _ near: LinuxIO.Stream, filter: sending (any StreamFilter)? = nil,
        room: JournalRoom = JournalRoom()
    ) throws -> Process {
        var core = SessionCore(near: nil, nearFailure: .agentClosed, filter: filter, responder: nil)
        let journal = try SessionJournal(Self.id, fingerprint: [9, 8, 7], room: room)
        try journal.keep(in: store, as: "session-1")
        core.use(journal)
        try core.keep(near, in: store, as: "session-1")
        core.near = near
        return Process(core: core, near: near)
    }

    func next(
        _ store: Store, filter: sending (any StreamFilter)? = nil, on loop: EpollLoop
    ) throws -> (Process, SessionJournal.Recovery) {
        let stored = try StoredSession("session-1", in: store.take(), on: loop)
        let agent = try #require(stored.agent)
        var core = SessionCore(near: agent, nearFailure: .agentClosed, filter: filter, responder: nil)
        // systemd keeps what it passes. This store does not.
        try stored.journal.keep(in: store, as: "session-1")
        try agent.withDescriptor { try store.keep($0, as: "session-1.agent") }
        let recovery = stored.recovery
        try core.restore(recovery, stored.journal)
        return (Process(core: core, near: agent), recovery)
    }

    @Test("a process that ends at any time leaves every count and every byte to the next one")
    func chain() async throws {
        try await onLoop { loop in
            let (near, agent) = try LinuxIO.Stream.pair(on: loop)
            let store = Store()
            var process = try begin(store, near)
            var random = SplitMix(seed: 11)
            var (sent, received, given): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
            func bytes() -> [UInt8] {
                (0..<Int.random(in: 1...20_000, using: &random)).map { _ in .random(in: 0...255, using: &random) }
            }
            func check(_ process: Process) {
                let outgoing = process.core.state.outgoing
                let kept = given[Int(outgoing.acknowledged)..<Int(outgoing.written)]
                let isEqual = outgoing.keptBytes == Array(kept)
                #expect(isEqual, "\(kept.count) bytes after \(outgoing.acknowledged)")
            }
            for round in 0..<60 {
                let up = bytes()
                try process.pass(up)
                sent += up
                if round % 3 != 0 { received += try Self.everything(in: agent) }
                let down = bytes()
                if let count = unsafe try down.withUnsafeBytes({ unsafe try agent.tryWrite($0) }) {
                    given += down.prefix(count)
                }
                if round % 5 != 0 { _ = try process.core.fill() }
                check(process)
                if round % 2 == 0 { try process.peerReceivesAll() }
                // The process ends here: its memory is lost.
                _ = try? process.near.release()
                let (successor, recovery) = try next(store, on: loop)
                process = successor
                check(process)
                #expect(recovery.id == Self.id)
                #expect(recovery.fingerprint == [9, 8, 7])
                #expect(recovery.state.incoming.received == UInt64(sent.count))
                try process.core.drain()
            }
            repeat { try process.peerReceivesAll() } while try process.core.fill() != nil
            while received.count < sent.count {
                try process.core.drain()
                received += try await agent.read(upTo: 1 << 20)
            }
            let isEqual = received == sent
            #expect(isEqual, "\(received.count) of \(sent.count)")
            #expect(process.core.state.outgoing.written == UInt64(given.count))
        }
    }

    @Test("answers of the filter come once, between the agent's messages, whenever a process ends")
    func answers() async throws {
        try await onLoop { loop in
            let (near, agent) = try LinuxIO.Stream.pair(on: loop)
            let store = Store()
            var process = try begin(store, near, filter: AnsweringFilter())
            var random = SplitMix(seed: 12)
            var (given, received, calls): ([UInt8], [UInt8], Int) = ([], [], 0)
            for round in 0..<300 {
                if Bool.random(using: &random) {
                    calls += 1
                    try process.pass([1, 0xF0 + UInt8(calls % 16), 2])
                }
                // Parts of messages, so that most processes end in the middle of one.
                let down = (0..<Int.random(in: 0...90, using: &random)).map { _ in UInt8(100) }
                _ = unsafe try down.withUnsafeBytes { unsafe try agent.tryWrite($0) }
                given += down
                if round % 3 != 0 {
                    if process.core.mayFill { _ = try process.core.fill() }
                    _ = try process.core.flush()
                }
                if round % 4 == 0 {
                    received += process.takeFrames()
                    try process.acknowledge()
                }
                if round % 2 == 0 {
                    _ = try? process.near.release()
                    process = try next(store, filter: AnsweringFilter(), on: loop).0
                    try process.core.state.resume(peerReceived: UInt64(received.count))
                    try process.core.drain()
                }
            }
            // The end of the last message.
            let rest = [UInt8](repeating: 100, count: 101 - given.count % 101)
            _ = unsafe try rest.withUnsafeBytes { unsafe try agent.tryWrite($0) }
            given += rest
            repeat {
                _ = try process.core.flush()
                received += process.takeFrames()
                try process.acknowledge()
            } while try process.core.mayFill && process.core.fill() != nil
            let (messages, answers) = Self.sorted(received)
            #expect(messages == given)
            #expect(answers == (1...calls).map { 0xF0 + UInt8($0 % 16) })
        }
    }

    @Test("an answer of the filter waits for acknowledgements of the peer, and the agent's messages wait with it")
    func noRoomForAnswer() async throws {
        try await onLoop { loop in
            let (near, agent) = try LinuxIO.Stream.pair(on: loop)
            let message = [UInt8](repeating: 100, count: 101)
            let given = Array((0..<SessionState.window / 100).map { _ in message }.joined())
            try await alongside({ try await agent.write(given) }) {
                var process = try begin(Store(), near, filter: AnsweringFilter())
                while process.core.state.outgoing.room > 0 {
                    if try process.core.fill() == nil { try await near.wait(for: .reading) }
                }
                try process.pass([1, 0xF1, 2])
                _ = try process.core.flush()
                var received = process.takeFrames()
                #expect(received.count == SessionState.window)
                #expect(Self.sorted(received).answers.isEmpty)
                while received.count < given.count + 2 {
                    try process.acknowledge()
                    _ = try process.core.flush()
                    if process.core.mayFill, process.core.state.outgoing.written < given.count,
                        try process.core.fill() == nil
                    {
                        try await near.wait(for: .reading)
                    }
                    received += process.takeFrames()
                }
                let (messages, answers) = Self.sorted(received)
                #expect(messages == given)
                #expect(answers == [0xF1])
            }
        }
    }

    static func everything(in stream: LinuxIO.Stream) throws -> [UInt8] {
        var all: [UInt8] = []
        let block = BufferPool.privateBlock(size: 300_000)
        while let count = unsafe try stream.tryRead(into: block.bytes), count > 0 {
            unsafe all += block.bytes[..<count]
        }
        return all
    }

    @Test("the kernel's count begins again before it overflows, and the sum stays exact")
    func counting() async throws {
        try await onLoop { loop in
            let (near, agent) = try LinuxIO.Stream.pair(on: loop)
            let store = Store()
            let journal = try SessionJournal(Self.id, fingerprint: [], countLimit: 1000)
            try journal.keep(near, in: store, as: "session-1")
            var outgoing = OutgoingBytes(journal.ring)
            for _ in 0..<50 {
                let piece = [UInt8](repeating: 5, count: 300)
                _ = unsafe try piece.withUnsafeBytes { unsafe try agent.tryWrite($0) }
                outgoing.prepare()
                journal.willChange(outgoing)
                _ = unsafe try outgoing.fill { unsafe try near.tryRead(into: $0) }
                try journal.didRead(outgoing, from: near)
                try await near.wait(for: .writing)
                outgoing.noteSent(300)
                try outgoing.acknowledge(outgoing.written)
                #expect(try near.readCount() <= 1300)
                #expect(try journal.recover(agent: near).state.outgoing.written == outgoing.written)
            }
        }
    }

    @Test("a set of descriptors that is not complete is refused, and says what is missing")
    func incomplete() async throws {
        try await onLoop { loop in
            let (near, far) = try LinuxIO.Stream.pair(on: loop)
            defer { far.close() }
            for suffix in [".state", ".output"] {
                let store = Store()
                _ = try begin(store, near)
                store.drop("session-1" + suffix)
                let error = #expect(throws: StoredSession.Incomplete.self) {
                    _ = try StoredSession("session-1", in: store.take(), on: loop)
                }
                #expect(error?.description == "the store has no \(suffix.dropFirst()) of it")
            }
            // Without the agent's socket the session continues, if the agent has no byte of it.
            for bytes in [[], [1 as UInt8]] {
                let store = Store()
                var process = try begin(store, near)
                try process.pass(bytes)
                store.drop("session-1.agent")
                let continued = try? StoredSession("session-1", in: store.take(), on: loop)
                #expect((continued != nil) == bytes.isEmpty)
                #expect(continued?.agent == nil)
            }
        }
    }

    @Test("a state file with any content is refused, or its counts are possible")
    func hostileState() async throws {
        try await onLoop { loop in
            var random = SplitMix(seed: 3)
            var refused = 0
            for round in 0..<1000 {
                let (near, far) = try LinuxIO.Stream.pair(on: loop)
                defer { far.close() }
                let store = Store()
                var process = try begin(store, near)
                try process.pass([1, 2, 3])
                let kept = store.take()
                guard let state = kept.take("session-1.state"), let stored = kept.take("session-1.output") else {
                    Issue.record("nothing is stored")
                    return
                }
                let (file, output) = (MemoryFile(state, named: "state"), MemoryFile(stored, named: "output"))
                for _ in 0...(round % 4) {
                    let word =
                        UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...63, using: &random)
                    let position = UInt64(8 * Int.random(in: 0..<88, using: &random))
                    try unsafe withUnsafeBytes(of: word) { unsafe try file.write($0, at: position) }
                }
                do {
                    let journal = try SessionJournal(continuing: file, output: output)
                    let state = try journal.recover(agent: near).state
                    #expect(state.outgoing.acknowledged <= state.outgoing.written + 1)
                    _ = state.outgoing.keptBytes
                    #expect(state.incoming.received <= SessionState.positionLimit + 1)
                } catch is SessionFault {
                    refused += 1
                }
            }
            #expect(refused > 100)
        }
    }

    @Test("a state file that is too short is refused")
    func shortState() throws {
        for size in [0, 1, 4096, SessionJournal.stateSize - 1] {
            let file = try MemoryFile(named: "state")
            try file.resize(to: size)
            #expect(throws: SystemCallError.self) {
                _ = try SessionJournal(continuing: file, output: MemoryFile(named: "output"))
            }
        }
    }
}
