import LinuxIO
import TestSupport
import Testing

@testable import TTRPC

/// A peer that always has more to say than is read.
private final class EndlessStream: ByteStream {
    let loop: EpollLoop
    private let left: Lock<Int>

    /// Ends after so many bytes.
    init(_ bytes: Int, on loop: EpollLoop) {
        self.loop = loop
        left = Lock(bytes)
    }

    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        left.withLock { left in
            // Whole headers: frames of no length, for a stream that does not exist.
            let count = min(left, buffer.count) / FrameHeader.size * FrameHeader.size
            var frame: [UInt8] = []
            FrameHeader(length: 0, stream: 99, kind: .data, flags: []).encode(into: &frame)
            for index in 0..<count { unsafe buffer[index] = frame[index % frame.count] }
            left -= count
            return count
        }
    }

    func tryWrite(_ bytes: UnsafeRawBufferPointer) throws -> Int? { bytes.count }
    func wait(for direction: Direction) async throws {}
    func finishWriting() async throws {}
    func close() {}
}

@Suite("Turns between connections")
struct TurnTests {
    @Test("the server reads at most one turn's frames in a row from a peer whose frames have no effect")
    func frames() async throws {
        try await onLoop { loop in
            let count = 20 * FrameReader.framesPerTurn
            let read = Lock(0)
            let isDone = Lock(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var reader = FrameReader(EndlessStream(count * FrameHeader.size, on: loop))
                    while try await reader.next() != nil { read.withLock { $0 += 1 } }
                    isDone.withLock { $0 = true }
                }
                var (seen, longest) = (0, 0)
                while !isDone.withLock({ $0 }) {
                    await loop.yield()
                    let now = read.withLock { $0 }
                    longest = max(longest, now - seen)
                    seen = now
                }
                #expect(seen == count)
                #expect(longest <= FrameReader.framesPerTurn)
                try await group.waitForAll()
            }
        }
    }
}
