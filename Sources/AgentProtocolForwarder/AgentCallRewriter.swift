public import AgentTunnel
internal import TTRPC

/// Changes the few calls to the agent that the VM has a say in, and lets all other bytes pass as they are.
///
/// It walks the ttrpc frames of one connection, from the node to the agent, however they are cut. Of a request it looks at
/// the first bytes, which name the method; only `CreateSandbox` and `CreateContainer` are held until they are whole, and
/// changed as ``CallRewrite`` says. Frames of other kinds, of other methods, oversized or malformed are not held: the agent
/// answers them. A stream that ends within a frame ends there for the agent, too, without the frame's last bytes if
/// they were held.
public struct AgentCallRewriter: StreamFilter {
    private enum State {
        /// At the start of a frame, or in its first bytes, which are in `edge`: too few to tell what it is.
        case starting
        /// In a frame that passes, with so many bytes to go.
        case passing(Int)
        /// In a frame that is held, with so many bytes to go.
        case holding(Int)
    }

    private let podNamespace: String
    private let held: HeldFrame
    private var state = State.starting
    /// The first bytes of a frame, fewer than tell what it is; at most header and ``CallPeek/window``.
    private var edge: [UInt8] = []

    /// Makes the filter of one connection.
    ///
    /// - Parameters:
    ///   - podNamespace: the path that containers enter as their network namespace.
    ///   - frames: what all connections may hold together.
    public init(podNamespace: String, holdingIn frames: HeldFrames = HeldFrames()) {
        self.podNamespace = podNamespace
        held = HeldFrame(in: frames)
    }

    /// The frame (header and payload) that is sent to the agent instead of `frame`, which must be whole.
    public static func rewrite(_ frame: [UInt8], podNamespace: String) -> [UInt8] {
        guard frame.count >= FrameHeader.size, FrameHeader(frame).kind == .request else { return frame }
        return CallRewrite.rewritten(frame, podNamespace: podNamespace) ?? frame
    }

    /// Takes in the next bytes; throws ``HeldFrameRefused`` when too much would have to be held.
    public mutating func process(
        _ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]
    ) throws -> FilterVerdict {
        // Whoever shows us more has sent on what we put out before.
        held.settle()
        var walk = unsafe Walk(bytes)
        while !walk.isAtEnd {
            switch state {
            case .passing(let rest):
                let count = walk.pass(rest)
                state = rest > count ? .passing(rest - count) : .starting
            case .holding(let rest):
                let piece = unsafe walk.take(rest, passing: &output)
                unsafe try held.append(piece)
                state = .holding(rest - piece.count)
                try finishIfWhole(&output)
            case .starting:
                if edge.isEmpty { startInPlace(&walk, &output) } else { try startFromEdge(&walk, &output) }
            }
        }
        guard walk.isChanged else { return .unchanged }
        walk.flush(&output)
        return .replaced
    }

    /// Judges a frame where it lies, so that one which passes is not copied.
    private mutating func startInPlace(_ walk: inout Walk, _ output: inout [UInt8]) {
        switch unsafe Self.judge(walk.rest) {
        case (.pass, let header?):
            walk.pass(FrameHeader.size)
            state = header.length > 0 ? .passing(header.length) : .starting
        case (.hold, let header?):
            hold(header)
        default:
            let piece = unsafe walk.take(.max, passing: &output)
            unsafe edge.append(contentsOf: piece)
        }
    }

    /// Judges a frame that began in bytes seen before.
    private mutating func startFromEdge(_ walk: inout Walk, _ output: inout [UInt8]) throws {
        let goal = edge.count < FrameHeader.size ? FrameHeader.size : Self.goal(FrameHeader(edge))
        let piece = unsafe walk.take(goal - edge.count, passing: &output)
        unsafe edge.append(contentsOf: piece)
        let (verdict, header) = unsafe edge.withUnsafeBytes { unsafe Self.judge($0) }
        guard verdict != .undecided, let header else { return }
        let start = edge
        edge = []
        let rest = FrameHeader.size + header.length - start.count
        if verdict == .pass {
            output += start
            state = rest > 0 ? .passing(rest) : .starting
        } else {
            hold(header)
            unsafe try start.withUnsafeBytes { unsafe try held.append($0) }
            state = .holding(rest)
            try finishIfWhole(&output)
        }
    }

    private mutating func hold(_ header: FrameHeader) {
        held.begin(size: FrameHeader.size + header.length)
        state = .holding(FrameHeader.size + header.length)
    }

    private mutating func finishIfWhole(_ output: inout [UInt8]) throws {
        guard case .holding(0) = state else { return }
        state = .starting
        let frame = try held.take()
        let sent = Self.rewrite(frame, podNamespace: podNamespace)
        if output.isEmpty { output = sent } else { output += sent }
    }

    /// How many bytes of a frame tell what it is, at the most.
    private static func goal(_ header: FrameHeader) -> Int { FrameHeader.size + min(header.length, CallPeek.window) }

    /// What the first bytes of a frame say; the header once it is there.
    private static func judge(_ bytes: UnsafeRawBufferPointer) -> (CallPeek.Verdict, FrameHeader?) {
        guard bytes.count >= FrameHeader.size else { return (.undecided, nil) }
        let span = unsafe bytes.assumingMemoryBound(to: UInt8.self).span
        let header = FrameHeader(span)
        guard header.kind == .request, !header.isOversized else { return (.pass, header) }
        let end = min(bytes.count, goal(header))
        let isWhole = end == FrameHeader.size + header.length
        let verdict = CallPeek.judge(span.extracting(FrameHeader.size..<end), isWhole: isWhole)
        // A window full of what says nothing is held as well.
        return (verdict == .undecided && end == goal(header) ? .hold : verdict, header)
    }
}

/// A way through the bytes of one call of the filter: what passes is copied only if something else does not.
///
/// Safe, because it lives no longer than the call whose bytes it points to, and never looks beyond them.
@safe private struct Walk: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    /// Up to here the bytes were put out or taken away.
    private var settled = 0
    private(set) var isChanged = false

    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

    var isAtEnd: Bool { unsafe offset == bytes.count }

    /// What is still to be walked.
    var rest: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...]) }

    /// Lets up to `count` bytes pass; returns how many there were.
    @discardableResult
    mutating func pass(_ count: Int) -> Int {
        let passed = unsafe min(count, bytes.count - offset)
        offset += passed
        return passed
    }

    /// Takes up to `count` bytes away, after those that passed before went to `output`.
    mutating func take(_ count: Int, passing output: inout [UInt8]) -> UnsafeRawBufferPointer {
        flush(&output)
        let start = offset
        pass(count)
        settled = offset
        isChanged = true
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    }

    /// Puts out what passed.
    mutating func flush(_ output: inout [UInt8]) {
        if settled < offset { unsafe output.append(contentsOf: bytes[settled..<offset]) }
        settled = offset
    }
}
