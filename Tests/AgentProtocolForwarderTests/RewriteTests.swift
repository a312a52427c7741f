import AgentProtocolForwarder
import AgentTunnel
import ForwarderRig
import KataProtocol
import TTRPC
import Testing

@Suite("The rewriting of a call")
struct RewriteTests {
    private func rewrite(_ frame: [UInt8]) throws -> [UInt8] {
        var rewriter = AgentCallRewriter(podNamespace: Requests.podNamespace)
        var output: [UInt8] = []
        let verdict = try unsafe frame.withUnsafeBytes { try unsafe rewriter.process($0, into: &output) }
        return verdict == .unchanged ? frame : output
    }

    private let ipc = Requests.namespace("ipc", "")
    private let mount = Requests.namespace("mount", "/x")

    @Test("a container without a network namespace gets the pod's, after all its other namespaces")
    func appended() throws {
        let sent = Requests.createContainer(namespaces: [ipc, mount])
        let wanted = Requests.createContainer(namespaces: [ipc, mount], last: Requests.appended)
        #expect(try rewrite(Requests.frame("CreateContainer", sent)) == Requests.frame("CreateContainer", wanted))
    }

    @Test("a container with several network namespaces keeps one, which becomes the pod's")
    func replaced() throws {
        let foreign = Requests.namespace("network", "/proc/1/ns/net")
        let sent = Requests.createContainer(namespaces: [ipc, foreign, mount, foreign])
        let wanted = Requests.createContainer(namespaces: [ipc, Requests.replaced, mount])
        #expect(try rewrite(Requests.frame("CreateContainer", sent)) == Requests.frame("CreateContainer", wanted))
    }

    @Test("the agent parses the rewritten call to the intended values")
    func read() throws {
        var request = CreateContainerRequest()
        request.containerID = "c1"
        request.oci = OCISpec()
        request.oci?.linux = OCILinux()
        request.oci?.annotations = ["a": String(repeating: "b", count: 1000)]
        let frame = try rewrite(Requests.frame("CreateContainer", request.encoded))
        let envelope = try RequestEnvelope(parsing: frame[FrameHeader.size...])
        #expect(envelope.metadata == ["containerd-namespace-ttrpc": "k8s.io"])
        #expect(envelope.timeoutNanoseconds == 60_000_000_000)
        var entry = OCINamespace()
        (entry.type, entry.path) = ("network", Requests.podNamespace)
        request.oci?.linux?.namespaces = [entry]
        #expect(try CreateContainerRequest(parsing: envelope.payload) == request)
    }

    @Test("a sandbox loses only the node's resolver")
    func sandbox() throws {
        let sent = Requests.createSandbox(dns: ["nameserver 10.0.0.10", "search default"])
        let wanted = Requests.createSandbox(dns: [])
        #expect(try rewrite(Requests.frame("CreateSandbox", sent)) == Requests.frame("CreateSandbox", wanted))
        #expect(try rewrite(Requests.frame("CreateSandbox", wanted)) == Requests.frame("CreateSandbox", wanted))
    }

    @Test("length fields are right where the change makes them one byte longer")
    func lengths() throws {
        for padding in [0, 60, 100, 126, 127, 128, 129, 16_200, 16_250, 16_300, 16_383, 16_384, 2_097_100, 2_097_152] {
            let sent = Requests.createContainer(namespaces: [], padding: padding)
            let wanted = Requests.createContainer(namespaces: [], last: Requests.appended, padding: padding)
            #expect(try rewrite(Requests.frame("CreateContainer", sent)) == Requests.frame("CreateContainer", wanted))
        }
    }

    @Test("the order of the envelope's fields, and numbers with more bytes than necessary, do not change the result")
    func order() throws {
        func envelopes(_ payload: [UInt8]) -> [[UInt8]] {
            [
                Requests.message {
                    $0.bytes(3, payload)
                    $0.string(2, "CreateSandbox")
                    $0.string(1, "grpc.AgentService")
                },
                Requests.message {
                    $0.varint(4, 7)
                    $0.string(1, "grpc.AgentService")
                    $0.string(1000, "unknown")
                    $0.string(2, "CreateSandbox")
                    $0.bytes(3, payload)
                    $0.string(1000, "unknown")
                },
                [0x8A, 0x80, 0x00, 0x91, 0x00] + Array("grpc.AgentService".utf8)
                    + Requests.message {
                        $0.string(2, "CreateSandbox")
                        $0.bytes(3, payload)
                    },
            ]
        }
        let payload = Requests.createSandbox(dns: ["x"])
        for (sent, wanted) in zip(envelopes(payload), envelopes(Requests.createSandbox(dns: []))) {
            #expect(try rewrite(Requests.frame(envelope: sent)) == Requests.frame(envelope: wanted))
        }
    }

    @Test("a message in several pieces is merged into one")
    func pieces() throws {
        func linux(_ entry: [UInt8]) -> [UInt8] {
            Requests.message { $0.message(8) { $0.message(6) { $0.raw(entry) } } }
        }
        let foreign = Requests.namespace("network", "/x")
        let sent = Requests.message {
            $0.bytes(6, linux(ipc))
            $0.string(1, "c1")
            $0.bytes(6, linux(foreign) + linux(mount))
        }
        let wanted = Requests.message {
            $0.message(6) {
                $0.message(8) { linux in
                    for entry in [ipc, Requests.replaced, mount] { linux.message(6) { $0.raw(entry) } }
                }
            }
            $0.string(1, "c1")
        }
        #expect(try rewrite(Requests.frame("CreateContainer", sent)) == Requests.frame("CreateContainer", wanted))
    }

    @Test("network namespaces are recognised by the type that kata's agent uses; of two types or paths the last counts")
    func synonyms() throws {
        let entries = [
            Requests.namespace("net", "/proc/1/ns/net"),
            Requests.namespace("ipc", "") + Requests.message { $0.string(1, "net") },
            Requests.namespace("network", Requests.podNamespace) + Requests.message { $0.string(2, "/proc/1/ns/net") },
        ]
        let wanted = Requests.createContainer(namespaces: [Requests.replaced, mount])
        for entry in entries {
            let sent = Requests.createContainer(namespaces: [entry, mount, Requests.namespace("network", "")])
            #expect(try rewrite(Requests.frame("CreateContainer", sent)) == Requests.frame("CreateContainer", wanted))
        }
    }

    @Test("a call that the agent must refuse is passed on unchanged")
    func untouched() throws {
        let container = Requests.createContainer(namespaces: [])
        let frames = [
            Requests.frame("CreateContainer", []),
            Requests.frame("CreateContainer", Requests.message { $0.string(1, "c1") }),
            Requests.frame("CreateContainer", Requests.message { $0.message(6) { $0.string(1, "1.0") } }),
            Requests.frame("CreateContainer", container, service: "grpc.AgentServices"),
            Requests.frame("CreateContainers", container), Requests.frame("createContainer", container),
            Requests.frame("StartContainer", container), Requests.frame(envelope: []),
            Requests.frame("CreateContainer", container, service: "/grpc.AgentService"),
        ]
        for frame in frames { #expect(try rewrite(frame) == frame) }
    }

    @Test("a call that cannot be parsed ends the connection, because the agent might parse it differently")
    func unreadable() {
        let container = Requests.createContainer(namespaces: [])
        let contents = [
            Array(container.dropLast()), Requests.message { $0.varint(6, 1) },
            Requests.message { $0.message(6) { $0.varint(8, 1) } },
            Requests.message { $0.message(6) { $0.message(8) { $0.varint(6, 1) } } },
            Requests.message { $0.message(6) { $0.message(8) { $0.message(6) { $0.varint(1, 1) } } } },
            // Field 6 for who looks at 32 bits of a tag.
            container + [0xB2, 0x80, 0x80, 0x80, 0x80, 0x01, 0],
        ]
        for content in contents {
            #expect(throws: CallRefused.self) { try rewrite(Requests.frame("CreateContainer", content)) }
        }
    }

    @Test("a container that is too large with its namespace is passed on as oversized, and the agent refuses it")
    func oversized() throws {
        let empty = Requests.frame("CreateContainer", Requests.createContainer(namespaces: [], padding: 3 << 20)).count
        let padding = Frame.payloadLimit + FrameHeader.size - empty + (3 << 20) - 1
        let sent = Requests.frame("CreateContainer", Requests.createContainer(namespaces: [], padding: padding))
        try #require(!FrameHeader(sent).isOversized)
        let header = FrameHeader(try rewrite(sent))
        #expect(header.isOversized)
        #expect(header.stream == 1)
    }
}
