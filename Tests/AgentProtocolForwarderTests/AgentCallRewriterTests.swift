import AgentProtocolForwarder
import AgentTunnel
import ForwarderRig
import TTRPC
import Testing

@Suite("The rewriter of a connection")
struct AgentCallRewriterTests {
    private let container = Requests.frame("CreateContainer", Requests.createContainer(namespaces: []))
    private let containerRewritten = Requests.frame(
        "CreateContainer", Requests.createContainer(namespaces: [], last: Requests.appended))
    private let sandbox = Requests.frame(
        "CreateSandbox", Requests.createSandbox(dns: ["nameserver 1.1.1.1"]), stream: 3)
    private let sandboxRewritten = Requests.frame("CreateSandbox", Requests.createSandbox(dns: []), stream: 3)

    private static func raw(_ length: UInt32, _ kind: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        FrameHeader(length: Int(length), stream: 5, kind: .init(rawValue: kind), flags: []).encode(into: &bytes)
        return bytes + payload
    }

    /// Frames that pass as they are.
    private static let passing: [[UInt8]] =
        [
            Requests.frame("WriteStdin", [UInt8](repeating: 0x61, count: 40_000), stream: 5),
            Requests.frame("Check", [], service: "grpc.Health"), Requests.frame("CreateContainerX", []),
            Requests.frame("Create", [1, 2, 3]), raw(0, 1, []), raw(0, 3, []), raw(4, 3, [1, 2, 3, 4]),
            raw(3, 2, [1, 2, 3]),
            raw(2, 77, [0x0A, 0x11]), Requests.frame(envelope: Requests.message { $0.string(2, "CreateContainer") }),
            Requests.frame(envelope: Requests.message { $0.bytes(3, [UInt8](repeating: 7, count: 5000)) }),
            Requests.frame(
                envelope: Requests.message {
                    $0.varint(9, 1)
                    $0.raw([0x59, 1, 2, 3, 4, 5, 6, 7, 8, 0x5D, 1, 2, 3, 4])
                    $0.string(2, "CreateContainer")
                    $0.string(1, "grpc.AgentServicE")
                }),
        ]

    private func filter(
        _ bytes: [UInt8], inChunksOf size: Int, _ frames: HeldFrames = HeldFrames(),
        _ tell: (ArraySlice<UInt8>) -> Void = { _ in }
    ) throws -> [UInt8] {
        var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace, holdingIn: frames)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let chunk = bytes[start..<min(start + size, bytes.count)]
            var output: [UInt8] = []
            switch try unsafe chunk.withUnsafeBytes({ try unsafe rewriter.process($0, into: &output) }) {
            case .unchanged:
                // An expectation for each chunk takes longer than the rewriter.
                if !output.isEmpty { Issue.record("\(output.count) bytes were written beside an unchanged chunk") }
                result += chunk
                tell(chunk)
            case .replaced:
                result += output
                tell(output[...])
            }
        }
        return result
    }

    @Test(
        "finds the calls to change, however the bytes are cut, and changes no other byte",
        arguments: [1, 2, 3, 7, 9, 10, 11, 12, 40, 50, 138, 139, 1000, 4096, 65_536, .max / 2])
    func anyCut(size: Int) throws {
        let bytes = Array(Self.passing.flatMap { [$0, container, sandbox] }.joined())
        let wanted = Array(Self.passing.flatMap { [$0, containerRewritten, sandboxRewritten] }.joined())
        #expect(try filter(bytes, inChunksOf: size) == wanted)
    }

    private static let service = Requests.message { $0.string(1, "grpc.AgentService") }
    private static let start = Requests.message { $0.string(2, "StartContainer") }
    private static let create = Requests.message { $0.string(2, "CreateContainer") }
    private static let payload = Requests.message {
        $0.bytes(3, Requests.createContainer(namespaces: [Requests.namespace("network", "/proc/1/ns/net")]))
    }

    /// Envelopes that two readers could take for two calls, or that cannot be read.
    private static let refused: [[UInt8]] = [
        // The agent's reader takes the last name, and the last payload.
        [service, start, create, payload], [service, start, payload, create],
        [Requests.message { $0.string(1, "grpc.Health") }, create, service, payload],
        [service, start, payload, payload], [service, create, payload, start],
        [service, create, payload, payload], [Requests.message { $0.varint(4, 1) }, service, [0x20, 0x01]],
        // Of another wire type, and then right.
        [service, [0x10, 0x01], create, payload], [[0x0D, 0, 0, 0, 0], service, create, payload],
        [service, create, [0x18, 0x01]], [service, create, [0x22, 0]],
        // Field 2 for who looks at 32 bits of a number: the method at last, or the second one.
        [service, cutTag, Array(create.dropFirst()), payload],
        [service, start, payload, cutTag, Array(create.dropFirst())],
        // Groups: with the method in one, and with one that another number ends.
        [service, [0x33], create, [0x34], payload], [service, [0x33], create, [0x3C], start, payload], [[0x34]],
        // Numbers out of range, wire types that do not exist, and ends within a field.
        [service, start, [0x00]], [service, start, [0x02, 0x00]], [service, start, [0x36]], [service, start, [0x37]],
        [service, start, [0x32], [UInt8](repeating: 0xFF, count: 9), [0x01]],
        [service, start, [UInt8](repeating: 0x80, count: 10), [0x00]],
        [service, start, [UInt8](repeating: 0xFF, count: 9), [0x02]], [service, start, [0x92]], [[0x0A]],
        [[0x0A, 0xFF]], [service, [0x12, 0x0F], Array("Create".utf8)], [service, start, [0x1A, 0x05, 1, 2, 3, 4]],
        [[1, 2, 3, 4, 5]],
    ].map { Array($0.joined()) }
    private static let cutTag: [UInt8] = [0x92, 0x80, 0x80, 0x80, 0x80, 0x01]

    @Test(
        "ends a connection whose request is ambiguous or cannot be parsed, before the agent gets the request",
        arguments: refused)
    func ambiguous(envelope: [UInt8]) throws {
        let frame = Requests.frame(envelope: envelope)
        for size in [1, 3, 10, 11, 40, .max / 2] {
            var sent: [UInt8] = []
            #expect(throws: CallRefused.self) { try filter(sandbox + frame, inChunksOf: size) { sent += $0 } }
            #expect(sent.count < sandboxRewritten.count + frame.count)
            #expect((sandboxRewritten + frame).starts(with: sent), "in chunks of \(size)")
        }
    }

    @Test("passes an oversized frame on, and finds the frame after it", arguments: [4096, 100_000])
    func oversized(size: Int) throws {
        let length = Frame.payloadLimit + 1
        let frame = Self.raw(UInt32(length), 1, container + [UInt8](repeating: 0, count: length - container.count))
        #expect(try filter(frame + sandbox, inChunksOf: size) == frame + sandboxRewritten)
    }

    @Test("passes on at once, and without copying, all bytes that it does not have to hold")
    func noHolding() throws {
        var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace)
        var output: [UInt8] = []
        let large = Requests.frame("WriteStdin", [UInt8](repeating: 0x61, count: 1 << 20))
        let pieces = [
            Array(large[..<100]), Array(large[100..<200_000]), Array(large[200_000...]) + large, Self.passing[2],
        ]
        for piece in pieces {
            let verdict = try unsafe piece.withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
            #expect({ if case .unchanged = verdict { true } else { false } }())
        }
    }

    @Test("holds only the two calls that it rewrites, and frees their bytes when the connection ends")
    func holding() throws {
        let frames = HeldFrames()
        #expect(try filter(Array(container.dropLast()), inChunksOf: 100, frames) == [])
        #expect(frames.bytes == 0, "the connection is over")
        var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace, holdingIn: frames)
        var output: [UInt8] = []
        _ = try unsafe container.dropLast().withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
        #expect(frames.bytes == container.count - 1)
        _ = try unsafe container.suffix(1).withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
        #expect(frames.bytes == container.count, "it has yet to be sent")
        output = []
        _ = try unsafe Self.passing[0].withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
        #expect(frames.bytes == 0)
    }

    @Test("when held calls exceed the limit, the connections of the largest calls are closed")
    func budget() throws {
        let frames = HeldFrames(limit: 100_000)
        func start(_ count: Int) throws -> AgentCallRewriter {
            let frame = Requests.frame("CreateContainer", Requests.createContainer(namespaces: [], padding: 200_000))
            var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace, holdingIn: frames)
            try feed(&rewriter, Array(frame[..<count]))
            return rewriter
        }
        func feed(_ rewriter: inout AgentCallRewriter, _ bytes: [UInt8]) throws {
            var output: [UInt8] = []
            _ = try unsafe bytes.withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
        }
        var small = try start(30_000)
        var large = try start(60_000)
        #expect(throws: HeldFrameRefused.self) { _ = try start(70_000) }
        #expect(frames.bytes == 90_000)
        var middle = try start(50_000)
        #expect(frames.bytes == 80_000)
        #expect(throws: HeldFrameRefused.self) { try feed(&large, [0]) }
        try feed(&small, [0])
        try feed(&middle, [0])
        #expect(frames.bytes == 80_002)
        // A plain call of a sane size gets through whatever the others do.
        #expect(try filter(container, inChunksOf: 64, frames) == containerRewritten)
    }

    @Test("sixty clients that each send most of a frame of the maximum size hold no more bytes than allowed")
    func hostile() throws {
        let frames = HeldFrames()
        let payload = [UInt8](repeating: 0, count: Frame.payloadLimit - 200)
        let bytes = Array(Requests.frame("CreateContainer", payload).dropLast(800))
        try #require(!FrameHeader(bytes).isOversized)
        var rewriters = (0..<60).map { _ in AgentCallRewriter(podNamespace: "/x", holdingIn: frames) }
        var output: [UInt8] = []
        var refused = Set<Int>()
        for offset in stride(from: 0, to: bytes.count, by: 65_536) {
            for index in rewriters.indices where !refused.contains(index) {
                let chunk = bytes[offset..<min(offset + 65_536, bytes.count)]
                do {
                    _ = try unsafe chunk.withUnsafeBytes { try unsafe rewriters[index].process($0, into: &output) }
                } catch is HeldFrameRefused {
                    refused.insert(index)
                }
                #expect(frames.bytes <= frames.limit)
            }
        }
        #expect(output.isEmpty)
        #expect(refused.count < 60, "some of them are served")
        rewriters = []
        #expect(frames.bytes == 0)
    }

    @Test("the result for any bytes does not depend on how they are cut")
    func anyBytes() throws {
        var refused = 0
        func outcome(_ bytes: [UInt8], _ size: Int) throws -> [UInt8]? {
            do { return try filter(bytes, inChunksOf: size) } catch is CallRefused { return nil }
        }
        for seed in 0..<60 {
            var bytes: [UInt8] = []
            for index in 0..<4 {
                var frame = [container, sandbox, Self.passing[0], Self.passing[4], Self.passing[8], Self.passing[10]][
                    (seed + index) % 6]
                for _ in 0..<(seed % 5) { frame[Int.random(in: 0..<frame.count)] = .random(in: 0...255) }
                bytes += frame.prefix(Int.random(in: 1...(frame.count * 2)))
            }
            let whole = try outcome(bytes, bytes.count)
            if whole == nil { refused += 1 }
            for size in [1, 13, 999] { #expect(try outcome(bytes, size) == whole) }
        }
        #expect((1..<60).contains(refused))
        for _ in 0..<200 {
            let bytes = (0..<300).map { _ in UInt8.random(in: 0...255) & .random(in: 0...255) }
            guard let result = try outcome(bytes, 17) else { continue }
            #expect(bytes.starts(with: result))
        }
    }
}
