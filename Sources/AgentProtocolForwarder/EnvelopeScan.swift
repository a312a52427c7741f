internal import TTRPC

/// Reads a request's envelope {1 service, 2 method, 3 payload, 4 timeout, 5 metadata} as its bytes arrive, to determine
/// which call the agent will read.
///
/// The agent reads the envelope again, with its own reader, and readers differ for messages that no encoder writes. All
/// use the last value of a field that occurs twice, some cut a tag to 32 bits, some ignore the number that ends a
/// group. So the scan refuses each envelope that two readers could read as two calls: a singular field that occurs
/// twice or has another wire type than declared, a group, a field number or length that is out of range, an envelope
/// that ends within a field. Numbers with more bytes than they need have one meaning for all readers, and are accepted.
struct EnvelopeScan: Sendable {
    /// The calls that the forwarder distinguishes.
    enum Call: UInt64 { case createSandbox = 1, createContainer, other }

    /// The element that the next byte belongs to.
    private enum Place {
        case tag
        /// A varint that is a field's value.
        case scalar
        /// The length of a field of that number.
        case length(Int)
        /// A name that may be `candidate`. The second value counts the bytes read.
        case name(Name, Int)
        /// Content that the scan ignores. The value counts the bytes left.
        case content(Int)
    }

    private enum Name: UInt64 {
        case service, createSandbox, createContainer

        /// The name that a field of that length may have; nil if there is none.
        init?(in field: Int, length: Int) {
            switch (field, length) {
            case (Field.service, Self.serviceText.count): self = .service
            case (Field.method, Self.createSandboxText.count): self = .createSandbox
            case (Field.method, Self.createContainerText.count): self = .createContainer
            default: return nil
            }
        }

        var field: Int { self == .service ? Field.service : Field.method }

        var text: [UInt8] {
            switch self {
            case .service: Self.serviceText
            case .createSandbox: Self.createSandboxText
            case .createContainer: Self.createContainerText
            }
        }

        private static let serviceText = Array("grpc.AgentService".utf8)
        private static let createSandboxText = Array("CreateSandbox".utf8)
        private static let createContainerText = Array("CreateContainer".utf8)
    }

    private enum Field {
        static let service = 1, method = 2, payload = 3, timeout = 4
        /// `metadata` may occur many times, and fields of later versions are allowed.
        static let singular = service...timeout
        /// The field numbers that protobuf allows.
        static let numbers: ClosedRange<UInt64> = 1...(1 << 29 - 1)
    }

    private var place = Place.tag
    /// The number that is being read, and how many of its bits have been read.
    private var number: UInt64 = 0
    private var bits: UInt64 = 0
    /// The singular fields that occurred, one bit for each.
    private var seen = 0
    /// nil: the service is not known yet.
    private var isForAgent: Bool?
    /// nil: the method is not known yet.
    private var method: Call?
    /// Whether another field began before the call was known. Then the names come late, and the request has to be held.
    private(set) var namesComeLate = false

    /// The call; nil while it is not determined.
    var call: Call? {
        switch (isForAgent, method) {
        case (false?, _), (_, .other?): .other
        case (true?, let method?): method
        default: nil
        }
    }

    /// Reads the envelope's next bytes. Throws if they make it ambiguous or unreadable.
    mutating func read(_ bytes: borrowing Span<UInt8>) throws(CallRefused) {
        var offset = 0
        while offset < bytes.count {
            switch place {
            case .content(let rest):
                let count = min(rest, bytes.count - offset)
                offset += count
                skip(rest - count)
            case .name(let name, let index):
                compare(bytes[offset], with: name, at: index)
                offset += 1
            case .tag, .scalar, .length:
                try advance(bytes[offset])
                offset += 1
            }
        }
    }

    /// Ends the envelope; throws if it ends within a field.
    func finish() throws(CallRefused) {
        guard case .tag = place, bits == 0 else { throw CallRefused("its envelope ends within a field") }
    }

    private mutating func skip(_ count: Int) { place = count > 0 ? .content(count) : .tag }

    /// Reads one byte of a number, and continues with the number once it is complete.
    private mutating func advance(_ byte: UInt8) throws(CallRefused) {
        // The tenth byte may have the 64th bit only.
        guard bits < 63 || byte <= 1 else { throw CallRefused("its envelope has a number of more than 64 bits") }
        number |= UInt64(byte & 0x7F) << bits
        bits += 7
        guard byte < 0x80 else { return }
        let value = number
        (number, bits) = (0, 0)
        switch place {
        case .tag: try begin(value)
        case .length(let field): try measure(field, value)
        default: place = .tag
        }
    }

    /// Begins the field that has that tag.
    private mutating func begin(_ tag: UInt64) throws(CallRefused) {
        guard Field.numbers.contains(tag >> 3) else { throw CallRefused("\(tag >> 3) is not a field number") }
        let (field, type) = (Int(tag >> 3), Int(tag & 7))
        if Field.singular.contains(field) {
            guard seen & 1 << field == 0 else { throw CallRefused("its envelope has field \(field) twice") }
            seen |= 1 << field
            guard type == (field == Field.timeout ? 0 : 2) else {
                throw CallRefused("field \(field) of its envelope has wire type \(type)")
            }
        }
        if field != Field.service, field != Field.method, call == nil { namesComeLate = true }
        switch type {
        case 0: place = .scalar
        case 1: skip(8)
        case 2: place = .length(field)
        case 5: skip(4)
        default: throw CallRefused("field \(field) of its envelope has wire type \(type)")
        }
    }

    /// Begins the content of a field.
    private mutating func measure(_ field: Int, _ length: UInt64) throws(CallRefused) {
        guard length <= Frame.payloadLimit else {
            throw CallRefused("field \(field) of its envelope is longer than a frame")
        }
        if let name = Name(in: field, length: Int(length)) {
            place = .name(name, 0)
        } else {
            note(nil, in: field)
            skip(Int(length))
        }
    }

    /// Reads one byte of a field that may be `name`.
    private mutating func compare(_ byte: UInt8, with name: Name, at index: Int) {
        let rest = name.text.count - index - 1
        if name.text[index] != byte {
            note(nil, in: name.field)
            skip(rest)
        } else if rest == 0 {
            note(name, in: name.field)
            place = .tag
        } else {
            place = .name(name, index + 1)
        }
    }

    /// Notes the name of a field; nil is a name that does not matter here.
    private mutating func note(_ name: Name?, in field: Int) {
        if field == Field.service { isForAgent = name == .service }
        guard field == Field.method else { return }
        switch name {
        case .createSandbox: method = .createSandbox
        case .createContainer: method = .createContainer
        default: method = .other
        }
    }
}

// MARK: Another process

extension EnvelopeScan {
    /// The number of words of ``words``.
    static let wordCount = 9

    /// The scan as words, for ``init(_:)``.
    var words: [UInt64] {
        var (kind, first, second) = (0 as UInt64, 0 as UInt64, 0 as UInt64)
        switch place {
        case .tag: break
        case .scalar: kind = 1
        case .length(let field): (kind, first) = (2, UInt64(field))
        case .name(let name, let index): (kind, first, second) = (3, name.rawValue, UInt64(index))
        case .content(let rest): (kind, first) = (4, UInt64(rest))
        }
        let known: UInt64 = isForAgent.map { $0 ? 2 : 1 } ?? 0
        return [
            kind, first, second, number, bits, UInt64(seen), known, method?.rawValue ?? 0, namesComeLate ? 1 : 0,
        ]
    }

    /// Continues a scan; nil if no scan has these words.
    init?(_ words: ArraySlice<UInt64>) {
        let words = Array(words)
        guard words.count == Self.wordCount, words[5] <= 0xFF, words[6] <= 2, words[7] <= 3, words[8] <= 1,
            words[4] <= 63
        else { return nil }
        switch words[0] {
        case 0: place = .tag
        case 1: place = .scalar
        case 2 where words[1] < 1 << 29: place = .length(Int(words[1]))
        case 3:
            guard let name = Name(rawValue: words[1]), words[2] < UInt64(name.text.count) else { return nil }
            place = .name(name, Int(words[2]))
        case 4 where (1...UInt64(Frame.payloadLimit)).contains(words[1]): place = .content(Int(words[1]))
        default: return nil
        }
        (number, bits, seen) = (words[3], words[4], Int(words[5]))
        isForAgent = words[6] == 0 ? nil : words[6] == 2
        method = Call(rawValue: words[7])
        namesComeLate = words[8] == 1
    }
}
