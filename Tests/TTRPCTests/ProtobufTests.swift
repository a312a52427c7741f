import TTRPC
import Testing

@Suite("Protobuf")
struct ProtobufTests {
    @Test("writes what protoc writes")
    func golden() {
        var writer = ProtobufWriter()
        writer.varint(1, 150)
        writer.string(2, "testing")
        writer.int(3, -1)
        writer.bool(4, true)
        writer.bytes(5, [0, 255])
        writer.message(6) { $0.varint(1, 1) }
        writer.strings(7, ["a", ""])
        writer.map(8, ["k": "v"])
        writer.packed(9, [1, 300])
        #expect(
            writer.bytes == [
                0x08, 0x96, 0x01,  //  1: 150
                0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6E, 0x67,  // 2: "testing"
                0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01,  // 3: -1
                0x20, 0x01,  // 4: true
                0x2A, 0x02, 0x00, 0xFF,  // 5: two bytes
                0x32, 0x02, 0x08, 0x01,  // 6: {1: 1}
                0x3A, 0x01, 0x61, 0x3A, 0x00,  // 7: "a", ""
                0x42, 0x06, 0x0A, 0x01, 0x6B, 0x12, 0x01, 0x76,  // 8: {"k": "v"}
                0x4A, 0x03, 0x01, 0xAC, 0x02,  // 9: 1, 300
            ])
    }

    @Test("leaves out what is zero or empty, but not an empty message")
    func defaults() {
        var writer = ProtobufWriter()
        writer.varint(1, 0)
        writer.string(2, "")
        writer.bytes(3, [UInt8]())
        writer.bool(4, false)
        writer.map(5, [:])
        writer.message(6) { _ in }
        #expect(writer.bytes == [0x32, 0x00])
    }

    @Test("parses what it writes to the same values")
    func roundTrip() throws {
        var writer = ProtobufWriter()
        writer.varint(1, .max)
        writer.int(2, .min)
        writer.string(3, "käse")
        writer.map(4, ["a": "", "": "b"])
        writer.packed(5, [0, 1, .max])
        var reader = ProtobufReader(writer.bytes)
        #expect(try reader.next()?.uint64() == .max)
        #expect(try reader.next()?.int64() == .min)
        #expect(try reader.next()?.string() == "käse")
        let entries = try [reader.next()?.mapEntry(), reader.next()?.mapEntry()]
        #expect(entries.map { $0?.key } == ["", "a"])
        #expect(entries.map { $0?.value } == ["b", ""])
        #expect(try reader.next()?.packedUInt64() == [0, 1, .max])
        #expect(try reader.next() == nil)
    }

    @Test("fields of every wire type, known or not, keep all bytes when a message is rewritten")
    func rewrite() throws {
        let message: [UInt8] = [
            0x88, 0x80, 0x00, 0x01,  // 1: 1, its tag longer than it need be
            0x51, 1, 2, 3, 4, 5, 6, 7, 8,  // 10: fixed64
            0x5D, 1, 2, 3, 4,  // 11: fixed32
            0x63, 0x0A, 0x00, 0x6B, 0x6C, 0x64,  // 12: group of 1: "" and an empty group 13
            0x12, 0x01, 0xFF,  // 2: not UTF-8
        ]
        var reader = ProtobufReader(message)
        var writer = ProtobufWriter()
        var numbers: [Int] = []
        while let field = try reader.next() {
            numbers.append(field.number)
            writer.raw(field.raw)
        }
        #expect(writer.bytes == message)
        #expect(numbers == [1, 10, 11, 12, 2])
    }

    @Test(
        "refuses bytes that are not a message",
        arguments: [
            ([0x08], .truncated), ([0x0A, 0x05, 0x01], .truncated), ([0x0D, 1, 2, 3], .truncated),
            ([0x00, 0x01], .invalidFieldNumber(0)), ([0x0E], .invalidWireType(field: 1, type: 6)),
            ([0x0C], .invalidWireType(field: 1, type: 4)), ([0x0B], .truncated),
            ([0x0B, 0x14], .invalidWireType(field: 2, type: 4)),
            ([0x08] + Array(repeating: 0xFF, count: 9) + [0x02], .overlongVarint),
            ([0x0A] + Array(repeating: 0xFF, count: 9) + [0x01], .truncated),
            (Array(repeating: 0x0B, count: 40), .nestedTooDeep),
        ] as [([UInt8], ProtobufError)])
    func malformed(bytes: [UInt8], error: ProtobufError) {
        #expect(throws: error) {
            var reader = ProtobufReader(bytes)
            while try reader.next() != nil {}
        }
    }

    @Test("refuses a value of another type than the reader expects")
    func wrongType() throws {
        var reader = ProtobufReader([0x08, 0x01, 0x12, 0x01, 0xC3])
        let number = try reader.next()
        let text = try reader.next()
        #expect(throws: ProtobufError.unexpectedWireType(field: 1)) { try number?.string() }
        #expect(throws: ProtobufError.unexpectedWireType(field: 2)) { try text?.uint64() }
        #expect(throws: ProtobufError.invalidUTF8(field: 2)) { try text?.string() }
    }
}
