import AgentTunnel
import Configuration
import ForwarderRig
import LinuxIO
import TTRPC
import Testing

@testable import AgentProtocolForwarder

@Suite("The agent's calls that the node may make")
struct AgentCallRulesTests {
    private static let shared = "/run/kata-containers/shared/containers"

    /// A CopyFile as kata's shim sends it.
    private static func copy(_ path: String, link target: String? = nil, stream: UInt32 = 1) -> [UInt8] {
        Requests.frame(
            "CopyFile",
            Requests.message {
                $0.string(1, path)
                $0.varint(2, 4)
                $0.varint(3, target == nil ? 0o100644 : 0o120777)
                $0.bytes(8, Array((target ?? "data").utf8))
            }, stream: stream)
    }

    private func filter(
        _ bytes: [UInt8], inChunksOf size: Int = .max / 2, _ rules: AgentCallRules = .strict
    ) throws -> (sent: [UInt8], told: [String], answers: [UInt8]) {
        let told = Lock<[String]>([])
        var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace, permitting: rules) { text in
            told.withLock { $0.append(text) }
        }
        var (result, answers): ([UInt8], [UInt8]) = ([], [])
        for start in stride(from: 0, to: bytes.count, by: size) {
            let chunk = bytes[start..<min(start + size, bytes.count)]
            var output: [UInt8] = []
            let verdict = try unsafe chunk.withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
            result += verdict == .unchanged ? Array(chunk) : output
            answers += rewriter.takeAnswers()
        }
        return (result, told.withLock { $0 }, answers)
    }

    @Test(
        "a call that is not permitted is answered here, however the bytes are cut, and no other byte changes",
        arguments: [1, 2, 7, 10, 11, 40, 64, 100, 4096, .max / 2])
    func anyCut(size: Int) throws {
        let start = Requests.frame("StartContainer", [1, 2, 3], stream: 1)
        let check = Requests.frame("Check", [], service: "grpc.Health", stream: 3)
        let policy = Requests.frame("SetPolicy", [UInt8](repeating: 0x61, count: 20_000), stream: 5)
        let file = Self.copy("\(Self.shared)/c1-resolv.conf", stream: 7)
        let elsewhere = Self.copy("/etc/passwd", stream: 9)
        let sandbox = Requests.frame("CreateSandbox", Requests.createSandbox(dns: ["x"]), stream: 11)
        let rewritten = Requests.frame("CreateSandbox", Requests.createSandbox(dns: []), stream: 11)
        let sent = [start, policy, check, elsewhere, file, sandbox, start]
        let wanted = [start, check, file, rewritten, start]
        let (result, told, answers) = try filter(Array(sent.joined()), inChunksOf: size)
        #expect(result == Array(wanted.joined()))
        let refusals = try Self.refusals(answers)
        #expect(refusals.map(\.stream) == [5, 9])
        #expect(refusals.allSatisfy { $0.status.code == .permissionDenied })
        #expect(
            refusals.first?.status.message
                == "agent-protocol-forwarder refused grpc.AgentService/SetPolicy: this image does not permit it"
                + " (-agent-calls)")
        #expect(told.count == 2)
        #expect(
            told.first
                == "Refused the node's call grpc.AgentService/SetPolicy to the agent: this image does not permit it"
                + " (-agent-calls)")
        #expect(told.last?.contains("its path is not below \(Self.shared)") == true)
    }

    @Test("calls that are not known, that have no name, or names that come late, are refused")
    func unknown() throws {
        let service = Requests.message { $0.string(1, "grpc.AgentService") }
        let method = Requests.message { $0.string(2, "SetPolicy") }
        let payload = Requests.message { $0.bytes(3, [1, 2, 3]) }
        let long = String(repeating: "x", count: 100)
        let frames = [
            Requests.frame("FutureCall", []), Requests.frame("StartContainer", [], service: "grpc.Other"),
            Requests.frame("SetPolicy", [], service: "grpc.Health"), Requests.frame(long, [], service: long),
            Requests.frame(envelope: payload + method + service), Requests.frame(envelope: method + payload + service),
            Requests.frame(envelope: method), Requests.frame(envelope: service), Requests.frame(envelope: payload),
            Requests.frame(envelope: []), Requests.frame("startcontainer", []), Requests.frame("", []),
        ]
        for (index, frame) in frames.enumerated() {
            let refused = try filter(frame)
            #expect(refused.sent == [], "frame \(index)")
            #expect(try Self.refusals(refused.answers).map(\.status.code) == [.permissionDenied], "frame \(index)")
            #expect(try filter(frame, .all).sent == frame, "frame \(index), where all calls are permitted")
        }
        let late = Requests.frame(envelope: payload + Requests.message { $0.string(2, "StartContainer") } + service)
        #expect(try filter(late).sent == late)
    }

    @Test(
        "files are copied only below the shared directory, and links stay below their own directory there",
        arguments: [
            ("\(shared)/c1-hosts", nil, true), ("\(shared)/c1/..data/token", nil, true),
            ("\(shared)/vol/token", "..data/token", true), ("\(shared)/vol/..data", "..2026_11_30", true),
            ("\(shared)/vol/a/b", "../c", true), ("\(shared)/vol/a/b", "./../../vol2/c", false),
            ("\(shared)/vol/token", "/etc/passwd", false), ("\(shared)/vol/token", "../../x", false),
            ("\(shared)/vol/token", "a/../../../x", false), ("\(shared)/vol", "x/../../x", false),
            ("\(shared)/vol", "", false), ("\(shared)/vol/token", "a\0b", false),
            ("\(shared)", nil, false), ("\(shared)/", nil, false), ("\(shared)/../x", nil, false),
            ("\(shared)/a/../../x", nil, false), ("\(shared)/./x", nil, false), ("\(shared)x/y", nil, false),
            ("/run/kata-containers/agent.sock", nil, false), ("\(shared)/a\0/../../x", nil, false),
            ("run/kata-containers/shared/containers/x", nil, false), ("", nil, false),
        ] as [(String, String?, Bool)])
    func copies(path: String, target: String?, isPermitted: Bool) throws {
        let frame = Self.copy(path, link: target)
        let result = try filter(frame)
        #expect(result.sent == (isPermitted ? frame : []))
        #expect(result.answers.isEmpty == isPermitted)
        #expect(try filter(frame, .all).sent == frame)
    }

    @Test("of a path that comes twice the last counts, as for the agent; an unreadable copy ends the connection")
    func ambiguous() throws {
        let twice = Requests.message {
            $0.string(1, "\(Self.shared)/x")
            $0.string(1, "/etc/passwd")
        }
        #expect(try filter(Requests.frame("CopyFile", twice)).sent == [])
        #expect(throws: CallRefused.self) { try filter(Requests.frame("CopyFile", [0x0A, 0x7F, 1])) }
        #expect(throws: CallRefused.self) { try filter(Requests.frame("CopyFile", [0x08, 1])) }
    }

    /// The answers that the node gets.
    private static func refusals(_ bytes: [UInt8]) throws -> [(stream: UInt32, status: Status)] {
        var decoder = FrameDecoder()
        decoder.append(bytes)
        var refusals: [(stream: UInt32, status: Status)] = []
        while case .frame(let frame)? = decoder.next() {
            #expect(frame.kind == .response)
            let status = try #require(try ResponseEnvelope(parsing: frame.payload).status)
            refusals.append((frame.stream.rawValue, status))
        }
        return refusals
    }

    @Test("calls that are refused without an end, in one piece of bytes, end the connection")
    func tooMany() throws {
        let call = Requests.frame("SetPolicy", [1])
        let calls = Array((0..<500).map { _ in call }.joined())
        #expect(throws: CallRefused.self) { try filter(calls) }
        #expect(try Self.refusals(filter(calls, inChunksOf: 4096).answers).count == 500)
    }

    @Test("the setting is a list of methods; strict and all are words of it")
    func setting() throws {
        func rules(_ text: String) throws -> AgentCallRules {
            let request = try ForwarderOptions.command.parse(["-agent-calls", text], environment: [:])
            guard case .run(let options, operands: _) = request else { throw Failure() }
            return options.agentCalls
        }
        #expect(ForwarderOptions().agentCalls == .strict)
        #expect(try rules("all") == .all)
        #expect(try rules("strict") == .strict)
        let more = try rules("strict,SetPolicy")
        #expect(more.words == ["strict", "SetPolicy"])
        #expect(more.permits(service: "grpc.AgentService", method: "SetPolicy"))
        #expect(more.permits(service: "grpc.AgentService", method: "StartContainer"))
        #expect(try rules("Check,StartContainer").words == ["Check", "StartContainer"])
        for text in ["", "all,SetPolicy", "setpolicy", "Set Policy", "grpc.AgentService/SetPolicy", ","] {
            #expect(throws: (any Error).self, "\(text)") { try rules(text) }
        }
    }

    private struct Failure: Error {}
}
