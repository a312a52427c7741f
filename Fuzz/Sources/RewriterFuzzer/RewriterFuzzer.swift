internal import AgentProtocolForwarder
internal import AgentTunnel
internal import Fuzzing
internal import TTRPC

/// The forwarder's rewriter reads any bytes from the node. The result does not depend on how the bytes are cut, frames stay
/// frames, and only the intended fields of a request change. A container gets the pod's network with every agent's reader. The
/// rewriter does not refuse what encoders write.
@main
struct RewriterFuzzer {
    static let podNamespace = "/run/netns/podns"

    static func main() {
        Fuzzer.run { input in
            examine(input)
            // Random bytes are almost never a request. These bytes are a request that contains the input.
            var dice = Dice(input)
            examine(RequestMaker.frames(&dice))
        }
    }

    private static func examine(_ input: [UInt8]) {
        let whole = filtered([input])
        require(filtered(input.map { [$0] }) == whole, "byte by byte, the result differs")
        var dice = Dice(input.reversed())
        require(filtered(dice.cut(input)) == whole, "in pieces, the result differs")

        let before = frames(input)
        guard let whole else { return require(mayRefuse(before, in: input), "plain requests were refused: \(input)") }
        let after = frames(whole)
        require(before.count == after.count, "\(before.count) frames became \(after.count)")
        for (old, new) in zip(before, after) { compare(old, new) }
        examineStrict(input)
    }

    /// With the strict rules, no agent's reader sees a call that is not permitted.
    private static func examineStrict(_ input: [UInt8]) {
        let whole = filtered([input], .strict)
        require(filtered(input.map { [$0] }, .strict) == whole, "byte by byte, the refusals differ")
        guard let whole else { return }
        for case .frame(let frame) in frames(whole) where frame.kind == .request {
            for agent in AgentReader.all {
                guard let fields = agent.fields(frame.payload) else { continue }
                let service = String(decoding: agent.last(1, of: fields), as: UTF8.self)
                let method = String(decoding: agent.last(2, of: fields), as: UTF8.self)
                require(
                    service == "grpc.AgentService" && strict.contains(method)
                        || service == "grpc.Health" && ["Check", "Version"].contains(method),
                    "the agent gets \(service)/\(method)")
                guard method == "CopyFile" else { continue }
                let copy = agent.fields(agent.last(3, of: fields)) ?? []
                let path = String(decoding: agent.last(1, of: copy), as: UTF8.self)
                require(
                    copy.isEmpty || path.hasPrefix("/run/kata-containers/shared/containers/") && !path.contains("/../"),
                    "the agent writes \(path)")
            }
        }
    }

    private static let strict: Set<String> = [
        "CreateSandbox", "DestroySandbox", "CreateContainer", "StartContainer", "RemoveContainer", "ExecProcess",
        "SignalProcess", "WaitProcess", "UpdateContainer", "StatsContainer", "PauseContainer", "ResumeContainer",
        "WriteStdin", "ReadStdout", "ReadStderr", "CloseStdin", "TtyWinResize", "GetMetrics", "GetOOMEvent",
        "GetGuestDetails", "GetVolumeStats", "CopyFile",
    ]

    /// Whether a request in `frames`, or in the bytes after them, is one that the rewriter may refuse.
    private static func mayRefuse(_ frames: [FrameDecoder.Event], in input: [UInt8]) -> Bool {
        var left = input.count
        for case .frame(let frame) in frames {
            left -= FrameHeader.size + frame.payload.count
            if frame.kind == .request, !AgentView.isPlain(frame.payload) { return true }
        }
        return left > 0
    }

    /// Whether the message can be read.
    static func canRead(_ message: [UInt8]) -> Bool { fields(of: message) != nil }

    /// What the agent gets, or nil if the rewriter ended the connection.
    private static func filtered(_ pieces: [[UInt8]], _ rules: AgentCallRules = .all) -> [UInt8]? {
        let held = HeldFrames()
        var output: [UInt8] = []
        var rewriter = AgentCallRewriter(podNamespace: podNamespace, permitting: rules, holdingIn: held)
        for piece in pieces {
            var replacement: [UInt8] = []
            let verdict = unsafe piece.withUnsafeBytes { try? unsafe rewriter.process($0, into: &replacement) }
            guard let verdict else { return nil }
            switch verdict {
            case .unchanged: output += piece
            case .replaced: output += replacement
            }
        }
        return output
    }

    private static func frames(_ bytes: [UInt8]) -> [FrameDecoder.Event] {
        var decoder = FrameDecoder()
        decoder.append(bytes)
        var events: [FrameDecoder.Event] = []
        while let event = decoder.next() { events.append(event) }
        return events
    }

    private static func compare(_ old: FrameDecoder.Event, _ new: FrameDecoder.Event) {
        guard case .frame(let before) = old, case .frame(let after) = new else {
            return require(old == new, "\(old) became \(new)")
        }
        require(before.stream == after.stream && before.kind == after.kind && before.flags == after.flags)
        if after.kind == .request { AgentView.examine(after.payload) }
        guard before.kind == .request, let call = NamedCall(before.payload), call.isRewritten else {
            return require(before.payload == after.payload, "a frame was changed that should pass")
        }
        guard let rewritten = NamedCall(after.payload) else { fail("\(before) became unreadable: \(after)") }
        require(call.others == rewritten.others, "\(call) became \(rewritten)")
        switch call.method {
        case "CreateSandbox": SandboxRewrite.examine(call.payload, rewritten.payload)
        default: ContainerRewrite.examine(call.payload, rewritten.payload)
        }
    }
}

/// A request's envelope in which each name occurs once.
struct NamedCall {
    var service = ""
    var method = ""
    var payload: [UInt8] = []
    /// All fields except the payload, as on the wire.
    var others: [[UInt8]] = []

    var isRewritten: Bool {
        service == "grpc.AgentService" && (method == "CreateSandbox" || method == "CreateContainer")
    }

    init?(_ envelope: [UInt8]) {
        guard let fields = fields(of: envelope) else { return nil }
        guard (fields.filter { $0.number == 1 }).count == 1, (fields.filter { $0.number == 2 }).count == 1 else {
            return nil
        }
        for field in fields {
            switch field.number {
            case 1:
                guard let text = try? field.string() else { return nil }
                service = text
            case 2:
                guard let text = try? field.string() else { return nil }
                method = text
            case 3:
                guard let bytes = try? field.bytes() else { return nil }
                payload = Array(bytes)
            default: break
            }
        }
        others = fields.filter { $0.number != 3 }.map { Array($0.raw) }
    }
}

/// The fields of a message in wire order; nil if the bytes are not a message.
func fields(of message: [UInt8]) -> [ProtobufField]? {
    var reader = ProtobufReader(message)
    var fields: [ProtobufField] = []
    do {
        while let field = try reader.next() { fields.append(field) }
    } catch { return nil }
    return fields
}
