internal import Fuzzing
internal import TTRPC

/// A message that can be read is the same after it is copied field by field.
@main
struct ProtobufFuzzer {
    static func main() {
        Fuzzer.run { input in
            _ = copied(input, depth: 0)
        }
    }

    private static func copied(_ message: [UInt8], depth: Int) -> Bool {
        var reader = ProtobufReader(message)
        var writer = ProtobufWriter()
        do {
            while let field = try reader.next() {
                writer.raw(field.raw)
                useEveryway(field)
                // Bytes may be a message; only a schema says whether they are.
                if depth < 8, let inner = try? field.bytes() { _ = copied(Array(inner), depth: depth + 1) }
            }
        } catch {
            require(message.starts(with: writer.bytes))
            return false
        }
        require(writer.bytes == message, "\(message) became \(writer.bytes)")
        return true
    }

    private static func useEveryway(_ field: ProtobufField) {
        require(field.number > 0)
        _ = try? field.uint64()
        _ = try? field.int64()
        _ = try? field.bool()
        _ = try? field.mapEntry()
        if let values = try? field.packedUInt64(), case .bytes(let content) = field.value {
            require(values.count <= content.count)
        }
        // With a limit on fields, the message is the same or refused.
        var budget = FieldBudget(4)
        if let values = try? field.packedUInt64(within: &budget) {
            require(values.count <= 4)
            require((try? field.packedUInt64()) == values)
        }
        budget = FieldBudget(2)
        if let entry = try? field.mapEntry(within: &budget) {
            require((try? field.mapEntry())?.key == entry.key)
        }
        if let text = try? field.string() {
            var writer = ProtobufWriter()
            writer.string(field.number, text)
            var reader = ProtobufReader(writer.bytes)
            let again = try? reader.next()?.string()
            require((again ?? "") == text)
        }
    }
}
