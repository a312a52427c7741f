public import AgentTunnel
internal import TTRPC

/// Changes the few calls to the agent that the VM has to change, and passes all other bytes unchanged.
///
/// It walks the ttrpc frames of one connection, from the node to the agent, however the bytes are cut. It reads the
/// envelope of each request to its end (``EnvelopeScan``). An envelope that two readers could read differently, or that
/// is unreadable, ends the connection before the agent has the whole envelope. Only `CreateSandbox` and
/// `CreateContainer` are held until they are complete, and changed as ``CallRewrite`` describes. A request whose names
/// do not come first is held too; all known peers send the names first. Frames of other kinds and oversized frames
/// pass: the agent answers them. A call that ``AgentCallRules`` do not permit does not reach the agent, and is
/// answered as ``CallRefusal`` describes. A stream that ends within a frame ends there for the agent, too, without the
/// frame's last bytes if they were held.
public struct AgentCallRewriter: StreamFilter {
    private enum State {
        /// At the start of a frame, or in its header. The header's first bytes are in `edge`.
        case header
        /// In a request that could still be any call. The value counts the bytes left; the earlier bytes are in `edge`.
        case undecided(Int)
        /// In a frame that passes. The value counts the bytes left.
        case passing(Int)
        /// In a request that is held. The value counts the bytes left.
        case holding(Int)
    }

    private let podNamespace: String
    private let rules: AgentCallRules
    private let tell: @Sendable (String) -> Void
    private let held: HeldFrame
    private var state = State.header
    /// The first bytes of a frame, before its method is known: header, service and method.
    private var edge: [UInt8] = []
    /// The scan of the current request; nil in a frame of another kind.
    private var scan: EnvelopeScan?
    /// The answers to calls that were refused.
    private var answers: [UInt8] = []

    /// Makes the filter of one connection.
    ///
    /// - Parameters:
    ///   - podNamespace: the path that containers enter as their network namespace.
    ///   - rules: the calls that the node may make.
    ///   - frames: the memory that all connections share for held frames.
    ///   - tell: gets a sentence about each call that is not permitted.
    public init(
        podNamespace: String, permitting rules: AgentCallRules = .all, holdingIn frames: HeldFrames = HeldFrames(),
        tell: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.podNamespace = podNamespace
        self.rules = rules
        self.tell = tell
        held = HeldFrame(in: frames)
    }

    /// Reads the next bytes. Throws ``CallRefused``, or ``HeldFrameRefused`` when the held frames would need too much
    /// memory.
    public mutating func process(
        _ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]
    ) throws -> FilterVerdict {
        // The caller passes more bytes only after it has sent the output of the last call.
        held.settle()
        var walk = unsafe Walk(bytes)
        while !walk.isAtEnd {
            switch state {
            case .header: try start(&walk, &output)
            case .undecided(let rest): try decide(&walk, ahead: 0, rest, &output)
            case .passing(let rest):
                let piece = unsafe walk.peek(rest)
                unsafe try look(at: piece, of: rest)
                pass(rest - walk.pass(rest))
            case .holding(let rest):
                let piece = unsafe walk.take(rest, passing: &output)
                unsafe try look(at: piece, of: rest)
                unsafe try held.append(piece)
                state = .holding(rest - piece.count)
                try finishIfWhole(&output)
            }
        }
        guard walk.isChanged else { return .unchanged }
        walk.flush(&output)
        return .replaced
    }

    /// Finds the frames of the agent.
    public var boundary: (any MessageBoundary)? { ResponseBoundary() }

    /// Returns the answers to calls that were refused since the last call.
    public mutating func takeAnswers() -> [UInt8] {
        defer { answers = [] }
        return answers
    }

    /// The bytes of the current frame, until it passes.
    public var heldBack: Int {
        if case .holding = state { return held.count }
        return edge.count
    }

    /// Empty before a frame passes. Else the frame's bytes that are left, and the scan of its envelope.
    public var checkpoint: [UInt64] {
        guard case .passing(let rest) = state else { return [] }
        return [UInt64(rest)] + (scan?.words ?? [])
    }

    /// Continues with the ``checkpoint`` of another rewriter. Returns false for words that no rewriter writes.
    public mutating func resume(_ checkpoint: [UInt64]) -> Bool {
        guard let rest = checkpoint.first else { return true }
        // An oversized frame passes too.
        guard (1...UInt64(UInt32.max)).contains(rest) else { return false }
        if checkpoint.count > 1 {
            guard let scan = EnvelopeScan(rules, checkpoint.dropFirst()) else { return false }
            self.scan = scan
        }
        state = .passing(Int(rest))
        return true
    }

    /// Begins a frame. A complete header is read in its place, so that a frame that passes is not copied.
    private mutating func start(_ walk: inout Walk, _ output: inout [UInt8]) throws {
        guard !edge.isEmpty || walk.count < FrameHeader.size else {
            let header = unsafe FrameHeader(walk.peek(FrameHeader.size).assumingMemoryBound(to: UInt8.self).span)
            return try begin(header, &walk, ahead: FrameHeader.size, &output)
        }
        let piece = unsafe walk.take(FrameHeader.size - edge.count, passing: &output)
        unsafe edge.append(contentsOf: piece)
        if edge.count == FrameHeader.size { try begin(FrameHeader(edge), &walk, ahead: 0, &output) }
    }

    /// Begins the frame of that header: `ahead` of its bytes are still to be walked, the others are in `edge`.
    private mutating func begin(
        _ header: FrameHeader, _ walk: inout Walk, ahead: Int, _ output: inout [UInt8]
    ) throws {
        scan = header.kind == .request && !header.isOversized ? EnvelopeScan(rules) : nil
        try decide(&walk, ahead: ahead, header.length, &output)
    }

    /// Reads the next bytes of a frame, after `ahead` bytes of header, until they determine whether it passes or is
    /// held.
    private mutating func decide(_ walk: inout Walk, ahead: Int, _ rest: Int, _ output: inout [UInt8]) throws {
        let piece = unsafe walk.peek(rest, from: ahead)
        unsafe try look(at: piece, of: rest)
        let (count, left) = (ahead + piece.count, rest - piece.count)
        let call = scan.map(\.call) ?? .other
        if scan?.namesComeLate == true || call.map({ $0 != .other }) ?? false {
            held.begin(size: edge.count + ahead + rest)
            unsafe try edge.withUnsafeBytes { unsafe try held.append($0) }
            edge = []
            let piece = unsafe walk.take(count, passing: &output)
            unsafe try held.append(piece)
            state = .holding(left)
            try finishIfWhole(&output)
        } else if call == .other || left == 0 {
            walk.put(edge, &output)
            edge = []
            walk.pass(count)
            pass(left)
        } else {
            let piece = unsafe walk.take(count, passing: &output)
            unsafe edge.append(contentsOf: piece)
            state = .undecided(left)
        }
    }

    /// Continues the scan of the envelope, which has `rest` bytes left.
    private mutating func look(at piece: UnsafeRawBufferPointer, of rest: Int) throws(CallRefused) {
        unsafe try scan?.read(piece.assumingMemoryBound(to: UInt8.self).span)
        if piece.count == rest { try scan?.finish() }
    }

    private mutating func pass(_ rest: Int) { state = rest > 0 ? .passing(rest) : .header }

    private mutating func finishIfWhole(_ output: inout [UInt8]) throws {
        guard case .holding(0) = state else { return }
        state = .header
        let frame = try held.take()
        let call = scan?.call ?? .other
        if let reason = try CallRefusal.reason(frame, as: call) {
            let name = scan?.name ?? ""
            tell("Refused the node's call \(name) to the agent: \(reason)")
            answers += CallRefusal.answer(frame, to: name, because: reason)
            guard answers.count <= AnswerLimits.waiting else { throw CallRefused("too many calls are not permitted") }
            return
        }
        let sent = try CallRewrite.rewritten(frame, as: call, podNamespace: podNamespace) ?? frame
        if output.isEmpty { output = sent } else { output += sent }
    }
}

/// A walk through the bytes of one call of the filter. Bytes that pass are copied only if other bytes do not pass.
///
/// Safe, because it lives no longer than the call whose bytes it points to, and never reads outside them.
@safe private struct Walk: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    /// The end of the bytes that were written or removed.
    private var settled = 0
    private(set) var isChanged = false

    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

    var isAtEnd: Bool { unsafe offset == bytes.count }

    /// The number of bytes still to be walked.
    var count: Int { unsafe bytes.count - offset }

    /// Returns up to `count` of the bytes still to be walked, from `start`.
    func peek(_ count: Int, from start: Int = 0) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes[(offset + start)...].prefix(count))
    }

    /// Lets up to `count` bytes pass. Returns their number.
    @discardableResult
    mutating func pass(_ count: Int) -> Int {
        let passed = unsafe min(count, bytes.count - offset)
        offset += passed
        return passed
    }

    /// Removes up to `count` bytes, after it has written the earlier bytes that pass to `output`.
    mutating func take(_ count: Int, passing output: inout [UInt8]) -> UnsafeRawBufferPointer {
        flush(&output)
        let start = offset
        pass(count)
        settled = offset
        isChanged = true
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    }

    /// Writes `held`, whose bytes came before the bytes of this walk.
    mutating func put(_ held: [UInt8], _ output: inout [UInt8]) {
        guard !held.isEmpty else { return }
        flush(&output)
        output += held
        isChanged = true
    }

    /// Writes the bytes that passed.
    mutating func flush(_ output: inout [UInt8]) {
        if settled < offset { unsafe output.append(contentsOf: bytes[settled..<offset]) }
        settled = offset
    }
}
