public import AgentTunnel
internal import KataProtocol
internal import TTRPC

/// Answers the health checks of one client while the path to its VM is broken: `SERVING`.
///
/// Kata's shim stops a pod whose check has no answer after 30 seconds, but a tunnel's session waits for 60. The responder
/// follows the frames of both directions, however the bytes are cut. It reads only their headers, and the service and
/// method of short requests. It answers a check that was sent before the path broke, and drops the agent's own answer
/// later. It takes out a check that arrives afterwards, so that the agent never gets it. A ttrpc server accepts the gap
/// in the stream identifiers. It answers nothing while the client has received only a part of a frame.
public struct HealthResponder: SuspensionResponder {
    private var requests = FrameWalk()
    private var responses = FrameWalk()
    /// Checks that were sent, and that the agent has not answered.
    private var pending: Set<UInt32> = []
    /// Checks that were answered here, and whose answer of the agent must be dropped.
    private var answered: Set<UInt32> = []

    /// The payload of a longer request is not held back. A check has about 30 bytes, and the caller's metadata.
    private static let longestCheck = SuspensionLimits.heldBytes - FrameHeader.size
    /// The limit of ``pending`` and ``answered``. A client has one check at a time.
    private static let limit = 64

    /// Makes the responder of one connection.
    public init() {}

    /// Follows the client's bytes.
    public mutating func follow(_ bytes: UnsafeRawBufferPointer) {
        unsafe requests.follow(bytes, &pending) { pending, header, payload in
            guard header.kind == .request, let payload = unsafe payload, unsafe Self.isCheck(payload) else { return }
            if pending.count < Self.limit { pending.insert(header.stream.rawValue) }
        }
    }

    /// Answers the checks that wait for the agent.
    public mutating func suspend(into answers: inout SuspendedAnswers) {
        for stream in pending.sorted() { answer(stream, isSent: true, &answers) }
    }

    /// Reads the client's bytes while the path is broken, and answers checks.
    public mutating func process(
        _ bytes: UnsafeRawBufferPointer, into output: inout [UInt8], answers: inout SuspendedAnswers
    ) {
        var rest = unsafe bytes
        while unsafe !rest.isEmpty {
            switch unsafe requests.next(&rest, holdingUpTo: Self.longestCheck) {
            case .passing(let bytes): output += bytes
            case .incomplete: return
            case .frame(let frame): take(frame, &output, &answers)
            }
        }
    }

    /// Follows the agent's bytes, and drops the answers to checks that were answered already.
    public mutating func filterAnswers(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> FilterVerdict {
        guard !answered.isEmpty || responses.isHolding else {
            unsafe responses.follow(bytes, &pending) { pending, header, _ in
                if !pending.isEmpty, header.kind == .response { pending.remove(header.stream.rawValue) }
            }
            return .unchanged
        }
        var rest = unsafe bytes
        while unsafe !rest.isEmpty {
            switch unsafe responses.next(&rest, holdingUpTo: Self.longestCheck) {
            case .passing(let bytes): output += bytes
            case .incomplete: return .replaced
            case .frame(let frame):
                let header = FrameHeader(frame)
                pending.remove(header.stream.rawValue)
                if header.kind != .response || answered.remove(header.stream.rawValue) == nil { output += frame }
            }
        }
        return .replaced
    }

    /// Returns the bytes of an incomplete request.
    public mutating func resume() -> [UInt8] { requests.release() }

    /// The positions in both directions, and the checks without an answer.
    public var snapshot: [UInt8] {
        var output: [UInt8] = []
        requests.append(to: &output)
        responses.append(to: &output)
        for streams in [pending, answered] {
            output.append(UInt64(streams.count))
            for stream in streams.sorted() { output.append(UInt64(stream)) }
        }
        return output
    }

    /// Continues with the state of another responder.
    public mutating func restore(_ snapshot: [UInt8]) -> Bool {
        var reader = SnapshotReader(snapshot)
        do {
            requests = try FrameWalk(&reader)
            responses = try FrameWalk(&reader)
            pending = try Self.streams(&reader)
            answered = try Self.streams(&reader)
        } catch {
            return false
        }
        return reader.isAtEnd
    }

    private static func streams(_ reader: inout SnapshotReader) throws(SessionFault) -> Set<UInt32> {
        let count = try reader.number()
        guard count <= UInt64(limit) else { throw .malformedSnapshot }
        var streams: Set<UInt32> = []
        for _ in 0..<count { streams.insert(UInt32(truncatingIfNeeded: try reader.number())) }
        return streams
    }

    private mutating func take(_ frame: [UInt8], _ output: inout [UInt8], _ answers: inout SuspendedAnswers) {
        let header = FrameHeader(frame)
        let payload = frame.dropFirst(FrameHeader.size)
        let isCheck = unsafe header.kind == .request && payload.withUnsafeBytes { unsafe Self.isCheck($0) }
        if !isCheck || !answer(header.stream.rawValue, isSent: false, &answers) { output += frame }
    }

    /// Answers a check, if the client is between two frames.
    @discardableResult
    private mutating func answer(_ stream: UInt32, isSent: Bool, _ answers: inout SuspendedAnswers) -> Bool {
        guard responses.isBetweenFrames, answered.count < Self.limit else { return false }
        if isSent {
            pending.remove(stream)
            answered.insert(stream)
        }
        var response = HealthCheckResponse()
        response.status = HealthCheckResponse.serving
        let payload = ResponseEnvelope(payload: response.encoded).encoded
        let header = FrameHeader(
            length: payload.count, stream: StreamID(rawValue: stream), kind: .response, flags: [])
        header.encode(into: &answers.bytes)
        answers.bytes += payload
        answers.count += 1
        return true
    }

    /// Whether a request's payload begins with the service and the method of a check, as every encoder writes them.
    private static func isCheck(_ payload: UnsafeRawBufferPointer) -> Bool { unsafe payload.starts(with: names) }

    private static let names: [UInt8] = {
        let (service, method) = (Array(Health.service.utf8), Array("Check".utf8))
        return [0x0A, UInt8(service.count)] + service + [0x12, UInt8(method.count)] + method
    }()
}
