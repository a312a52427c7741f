import TTRPC
import TestSupport
import Testing

@testable import AgentProtocolForwarder

@Suite("The ends of the agent's frames")
struct ResponseBoundaryTests {
    private static let frames = [0, 1, 300, 70_000, 5].map { size in
        var bytes: [UInt8] = []
        Frame(stream: 1, .response, payload: [UInt8](repeating: 0xFF, count: size)).encode(into: &bytes)
        return bytes
    }

    /// For each position of the stream, whether a frame ends there.
    private static var ends: Set<Int> {
        var (position, ends) = (0, Set([0]))
        for frame in frames {
            position += frame.count
            ends.insert(position)
        }
        return ends
    }

    @Test("are found however the bytes are cut, and from every checkpoint", arguments: [1, 3, 10, 11, 4096])
    func cuts(size: Int) {
        let stream = Array(Self.frames.joined())
        let ends = Self.ends
        var boundary = ResponseBoundary()
        var position = 0
        for start in stride(from: 0, to: stream.count, by: size) {
            #expect((boundary.bytesLeft == 0) == ends.contains(position), "\(position)")
            if boundary.bytesLeft > 0 { #expect(!ends.contains(position + boundary.bytesLeft - 1)) }
            let chunk = stream[start..<min(start + size, stream.count)]
            var next = ResponseBoundary()
            let isPossible = next.resume(boundary.checkpoint)
            #expect(isPossible)
            unsafe chunk.withUnsafeBytes { unsafe next.follow($0) }
            boundary = next
            position += chunk.count
        }
        #expect(boundary.bytesLeft == 0)
    }

    @Test("no checkpoint leads to a negative number of bytes")
    func hostileWords() {
        var random = SplitMix(seed: 4)
        for _ in 0..<10_000 {
            var boundary = ResponseBoundary()
            let word = UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...63, using: &random)
            guard boundary.resume(word) else { continue }
            #expect(boundary.bytesLeft >= 0)
            let bytes = (0..<50).map { _ in UInt8.random(in: 0...255, using: &random) }
            unsafe bytes.withUnsafeBytes { unsafe boundary.follow($0) }
            #expect(boundary.bytesLeft >= 0)
        }
    }
}
