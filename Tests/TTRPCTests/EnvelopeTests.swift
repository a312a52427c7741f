import Testing

@testable import TTRPC

@Suite("Envelopes")
struct EnvelopeTests {
    @Test("a request has the field numbers of the protocol")
    func requestBytes() throws {
        let request = RequestEnvelope(
            service: "s", method: "m", payload: [1], timeoutNanoseconds: 5, metadata: ["k": "v", "k": "w"])
        let bytes: [UInt8] = [
            0x0A, 1, 0x73, 0x12, 1, 0x6D, 0x1A, 1, 1, 0x20, 5,
            0x2A, 6, 0x0A, 1, 0x6B, 0x12, 1, 0x76, 0x2A, 6, 0x0A, 1, 0x6B, 0x12, 1, 0x77,
        ]
        #expect(request.encoded == bytes)
        #expect(try RequestEnvelope(parsing: bytes) == request)
        #expect(request.metadata["k"] == "v")
        #expect(request.metadata.values(for: "k") == ["v", "w"])
    }

    @Test("a request's unknown fields are kept")
    func unknownFields() throws {
        let request = try RequestEnvelope(parsing: [0x32, 2, 7, 7, 0x0A, 1, 0x73])
        #expect(request.unknownFields == [0x32, 2, 7, 7])
        #expect(request.encoded == [0x0A, 1, 0x73, 0x32, 2, 7, 7])
    }

    @Test("a response has the field numbers of the protocol, with details")
    func responseBytes() throws {
        let status = Status(.notFound, "no", details: [0x1A, 2, 8, 1, 0x1A, 0])
        let response = ResponseEnvelope(status: status, payload: [9])
        let bytes: [UInt8] = [0x0A, 12, 8, 5, 0x12, 2, 0x6E, 0x6F, 0x1A, 2, 8, 1, 0x1A, 0, 0x12, 1, 9]
        #expect(response.encoded == bytes)
        #expect(try ResponseEnvelope(parsing: bytes) == response)
        #expect(throws: status) { try response.get() }
    }

    @Test("a response without status, or with OK, is success")
    func success() throws {
        #expect(try ResponseEnvelope(parsing: [0x12, 1, 9]).get() == [9])
        #expect(try ResponseEnvelope(parsing: [0x0A, 0, 0x12, 1, 9]).get() == [9])
        #expect(try ResponseEnvelope(parsing: []).get() == [])
    }

    @Test("a code has gRPC's name, or its number")
    func names() {
        #expect("\(Status(.deadlineExceeded, "late"))" == "DEADLINE_EXCEEDED: late")
        #expect("\(Status.Code(rawValue: 99))" == "code 99")
    }

    @Test("an envelope with too many fields is refused, at whatever level they are")
    func tooManyFields() throws {
        let limit = FieldBudget.envelope
        let entries: [[UInt8]] = [[0x2A, 0], [0x2A, 2, 0x0A, 0], [0x20, 1], [0x7A, 0]]
        for (entry, cost) in zip(entries, [1, 2, 1, 1]) {
            let most = Array(repeatElement(entry, count: limit / cost).joined())
            #expect(try RequestEnvelope(parsing: most).metadata.entries.count <= limit)
            _ = try RequestLayout(most.span)
            #expect(throws: ProtobufError.tooManyFields(limit: limit)) { try RequestEnvelope(parsing: most + entry) }
            #expect(throws: ProtobufError.tooManyFields(limit: limit)) { try RequestLayout((most + entry).span) }
        }
        var details = ProtobufWriter()
        details.bytes(1, Array(repeatElement([0x1A, 0], count: limit).joined()))
        #expect(throws: ProtobufError.tooManyFields(limit: limit)) { try ResponseEnvelope(parsing: details.bytes) }
        #expect(throws: ProtobufError.tooManyFields(limit: limit)) { try ResponseLayout(details.bytes.span) }
    }
}
