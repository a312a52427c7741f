package import TTRPC

/// Frames as a shim sends them, and what the agent is to get.
package enum Requests {
    package static let podNamespace = "/run/netns/podns"

    /// A request of any method.
    package static func frame(
        _ method: String, _ payload: [UInt8], service: String = "grpc.AgentService", stream: UInt32 = 1
    ) -> [UInt8] {
        var envelope = RequestEnvelope(
            service: service, method: method, payload: payload, timeoutNanoseconds: 60_000_000_000)
        envelope.metadata.add("containerd-namespace-ttrpc", "k8s.io")
        return frame(envelope: envelope.encoded, stream: stream)
    }

    /// A request with an envelope of one's own making.
    package static func frame(envelope: [UInt8], stream: UInt32 = 1) -> [UInt8] {
        var bytes: [UInt8] = []
        Frame(stream: StreamID(rawValue: stream), .request, payload: envelope).encode(into: &bytes)
        return bytes
    }

    /// A message of the fields that `body` writes.
    package static func message(_ body: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        body(&writer)
        return writer.bytes
    }

    /// CreateContainer as kata sends it, with fields that no schema of ours knows at each level, and `padding` of them;
    /// `last` is a namespace entry behind all else in the Linux part.
    package static func createContainer(namespaces: [[UInt8]], last: [UInt8]? = nil, padding: Int = 0) -> [UInt8] {
        message { request in
            request.string(1, "c1")
            request.string(2, "c1")
            request.message(6) { oci in
                oci.string(1, "1.0.2")
                oci.message(2) { $0.strings(4, ["sleep", "1"]) }
                oci.message(8) { linux in
                    linux.string(5, "/kubepods/c1")
                    for entry in namespaces { linux.message(6) { $0.raw(entry) } }
                    linux.varint(98, 1 << 63)
                    if let last { linux.message(6) { $0.raw(last) } }
                }
                oci.message(99) { $0.string(3, "unknown") }
            }
            request.bool(7, true)
            request.bytes(77, [UInt8](repeating: 0x5A, count: padding))
        }
    }

    /// A namespace entry as the shim sends it.
    package static func namespace(_ type: String, _ path: String) -> [UInt8] {
        message {
            $0.string(1, type)
            $0.string(2, path)
            $0.string(9, "unknown to us")
        }
    }

    /// The entry that the forwarder appends.
    package static let appended = message {
        $0.string(1, "network")
        $0.string(2, podNamespace)
    }

    /// The entry that the forwarder makes of one that is there.
    package static let replaced = message {
        $0.string(1, "network")
        $0.string(9, "unknown to us")
        $0.string(2, podNamespace)
    }

    /// CreateSandbox with or without the node's resolver.
    package static func createSandbox(dns: [String]) -> [UInt8] {
        message {
            $0.string(1, "pod")
            $0.strings(2, dns)
            $0.bool(4, true)
            $0.string(5, "s1")
            $0.string(50, "unknown")
        }
    }
}
