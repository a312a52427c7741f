import KataProtocol
import TTRPC
import Testing

@Suite("Messages")
struct MessageTests {
    @Test("CreateVM is encoded as kata's shim sends it")
    func createVM() throws {
        let request = CreateVMRequest.with {
            $0.id = "s1"
            $0.annotations = [Annotation.podName: "nginx", Annotation.vcpus: "2"]
            $0.networkNamespacePath = "/run/netns/x"
        }
        var writer = ProtobufWriter()
        writer.string(1, "s1")
        writer.map(
            2, ["io.kubernetes.cri.sandbox-name": "nginx", "io.katacontainers.config.hypervisor.default_vcpus": "2"])
        writer.string(3, "/run/netns/x")
        #expect(request.encoded == writer.bytes)
        #expect(try CreateVMRequest(parsing: writer.bytes) == request)
    }

    @Test("an exec request with nested messages is the same after encoding and decoding")
    func exec() throws {
        let request = ExecProcessRequest.with {
            $0.containerID = "c"
            $0.execID = "e"
            $0.process = .with {
                $0.terminal = true
                $0.user = .with { $0.additionalGIDs = [0, 7, 4_000_000_000] }
                $0.arguments = ["sh", "", "-c"]
                $0.environment = ["A=1"]
                $0.workingDirectory = "/"
            }
        }
        #expect(try ExecProcessRequest(parsing: request.encoded) == request)
    }

    @Test("negative numbers are the same after encoding and decoding, and have protobuf's length")
    func negative() throws {
        let response = WaitProcessResponse.with { $0.status = -1 }
        #expect(response.encoded == [0x08] + Array(repeating: 0xFF, count: 9) + [0x01])
        #expect(try WaitProcessResponse(parsing: response.encoded).status == -1)
    }

    @Test("an empty message is different from an absent one")
    func presence() throws {
        let request = CreateContainerRequest.with { $0.oci = OCISpec() }
        #expect(request.encoded == [0x32, 0])
        #expect(try CreateContainerRequest(parsing: [0x32, 0]).oci == OCISpec())
        #expect(try CreateContainerRequest(parsing: []).oci == nil)
    }

    @Test("a message in two pieces is merged")
    func merge() throws {
        let spec = try CreateContainerRequest(parsing: [0x32, 3, 0x0A, 1, 0x31, 0x32, 3, 0x22, 1, 0x68]).oci
        #expect(spec == .with { ($0.version, $0.hostname) = ("1", "h") })
    }

    @Test("fields of other versions are skipped")
    func unknownFields() throws {
        let response = try WriteStreamResponse(parsing: [0x7A, 1, 0, 0x08, 5, 0x82, 0x01, 0])
        #expect(response.length == 5)
    }

    @Test("a field of another type is refused, and the error names the field")
    func wrongType() {
        #expect(throws: ProtobufError.unexpectedWireType(field: 1)) { try VMRequest(parsing: [0x08, 1]) }
        #expect(throws: ProtobufError.invalidUTF8(field: 1)) { try VMRequest(parsing: [0x0A, 1, 0xFF]) }
    }

    @Test("the field of random data has number 2, because there is no field 1")
    func reseed() {
        #expect(ReseedRandomDevRequest.with { $0.data = [7] }.encoded == [0x12, 1, 7])
    }

    @Test("a handler parses its request, and refuses a request that it cannot parse")
    func handler() async throws {
        let services = Service.services(of: [
            Hypervisor.startVM.handled { _, request in
                #expect(request.id == "s1")
                return Empty()
            },
            Health.check.handled { _, _ in .with { $0.status = HealthCheckResponse.serving } },
        ])
        #expect(services.map(\.name) == ["grpc.Health", "hypervisor.Hypervisor"])
    }

    @Test("the number of fields in a message is limited, with nested fields, map entries and packed numbers")
    func fieldLimit() throws {
        func refuses<Kind: Message>(_ kind: Kind.Type, _ most: [UInt8], _ one: [UInt8], limit: Int) throws {
            _ = try kind.init(parsing: most, fieldLimit: limit)
            #expect(throws: ProtobufError.tooManyFields(limit: limit)) {
                try kind.init(parsing: most + one, fieldLimit: limit)
            }
        }
        func many(_ bytes: [UInt8], _ count: Int) -> [UInt8] { Array(repeatElement(bytes, count: count).joined()) }
        // Strings, unknown fields, empty messages, messages with a field, map entries with a key.
        try refuses(CreateSandboxRequest.self, many([0x12, 0], 100), [0x12, 0], limit: 100)
        try refuses(CreateSandboxRequest.self, many([0x7A, 0], 100), [0x7A, 0], limit: 100)
        try refuses(CreateSandboxRequest.self, many([0x1A, 0], 100), [0x1A, 0], limit: 100)
        try refuses(CreateSandboxRequest.self, many([0x1A, 2, 0x0A, 0], 50), [0x1A, 0], limit: 100)
        try refuses(CreateVMRequest.self, many([0x12, 2, 0x0A, 0], 50), [0x12, 0], limit: 100)
        // Packed numbers: the field itself, and 99 in it.
        try refuses(OCIUser.self, [0x1A, 99] + many([7], 99), [0x1A, 0], limit: 100)
    }

    @Test("a message in very many pieces is merged without a copy for each piece")
    func manyPieces() throws {
        // Copied for each, they would be seven gigabytes.
        let request = try ExecProcessRequest(
            parsing: Array(repeatElement([0x22, 2, 0x22, 0] as [UInt8], count: 30_000).joined()))
        #expect(request.process?.arguments.count == 30_000)
    }
}
