import AgentProtocolForwarder
import AgentTunnel
import ForwarderRig
import TTRPC
import TestSupport
import Testing

@Suite("A rewriter that continues after another one")
struct RewriterCheckpointTests {
    /// Calls that are rewritten, calls that pass, and frames whose names come late, one after the other.
    private static let stream: [UInt8] =
        Requests.frame("CreateSandbox", Requests.createSandbox(dns: ["nameserver 1.1.1.1"]))
        + Requests.frame("WriteStdin", [UInt8](repeating: 0x61, count: 300), stream: 3)
        + Requests.frame(
            "CreateContainer", Requests.createContainer(namespaces: [Requests.namespace("network", "/x")]), stream: 5)
        + Requests.frame(envelope: Requests.message { $0.bytes(3, [UInt8](repeating: 7, count: 300)) })
        + Requests.frame("Check", [], service: "grpc.Health", stream: 7)
        + Requests.frame(
            envelope: Requests.message {
                $0.varint(9, 1)
                $0.raw([0x59, 1, 2, 3, 4, 5, 6, 7, 8, 0x5D, 1, 2, 3, 4])
                $0.string(2, "CreateContainer")
                $0.string(1, "grpc.AgentServicE")
            })

    private static func rewriter() -> AgentCallRewriter { AgentCallRewriter(podNamespace: Requests.podNamespace) }

    private static func process(_ bytes: ArraySlice<UInt8>, _ rewriter: inout AgentCallRewriter) throws -> [UInt8] {
        var output: [UInt8] = []
        let verdict = try unsafe bytes.withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
        return verdict == .unchanged ? Array(bytes) : output
    }

    @Test(
        "the agent reads the same bytes, wherever the first one ends and however the bytes are cut",
        arguments: [1, 7, 64])
    func everywhere(chunk: Int) throws {
        let stream = Self.stream
        var whole = Self.rewriter()
        let expected = try Self.process(stream[...], &whole)
        for end in stride(from: 0, through: stream.count, by: chunk == 1 ? 3 : 1) {
            var first = Self.rewriter()
            var output: [UInt8] = []
            for start in stride(from: 0, to: end, by: chunk) {
                output += try Self.process(stream[start..<min(start + chunk, end)], &first)
            }
            var second = Self.rewriter()
            let isPossible = second.resume(first.checkpoint)
            #expect(isPossible)
            output += try Self.process(stream[(end - first.heldBack)...], &second)
            guard output == expected else {
                Issue.record("cut at \(end)")
                return
            }
        }
    }

    @Test("a fault behind the cut is found, because the scan of the envelope goes on")
    func faultBehindTheCut() throws {
        let payload = [UInt8](repeating: 7, count: 500)
        let twice = Requests.frame(
            envelope: Requests.message {
                $0.string(1, "grpc.AgentService")
                $0.string(2, "WriteStdin")
                $0.bytes(3, payload)
                $0.string(2, "CreateContainer")
            })
        var first = Self.rewriter()
        _ = try Self.process(twice[..<200], &first)
        #expect(first.heldBack == 0)
        var second = Self.rewriter()
        let isPossible = second.resume(first.checkpoint)
        #expect(isPossible)
        #expect(throws: CallRefused.self) { try Self.process(twice[200...], &second) }
    }

    @Test("words that no rewriter writes are refused, or lead to one that still bounds what it reads")
    func hostileWords() throws {
        var random = SplitMix(seed: 7)
        var accepted = 0
        for _ in 0..<5_000 {
            let count = Int.random(in: 0...12, using: &random)
            let words = (0..<count).map { _ in
                UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...63, using: &random)
            }
            var rewriter = Self.rewriter()
            guard rewriter.resume(words) else { continue }
            accepted += 1
            let bytes = (0..<400).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? Self.process(bytes[...], &rewriter)
        }
        #expect(accepted > 100)
    }
}
