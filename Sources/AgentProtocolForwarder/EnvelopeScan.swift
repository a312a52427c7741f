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
    enum Call: Equatable {
        case createSandbox, createContainer, other
        /// A CopyFile whose place has to be checked.
        case copyFile
        /// A call that the image does not permit to the node.
        case refused
    }

    /// The element that the next byte belongs to.
    private enum Place {
        case tag
        /// A varint that is a field's value.
        case scalar
        /// The length of a field of that number.
        case length(Int)
        /// A name in the field of that number. The second value counts the bytes left.
        case name(Int, Int)
        /// Content that the scan ignores. The value counts the bytes left.
        case content(Int)
    }

    /// The name of a service or method, as far as it matters.
    private enum Name: Equatable {
        case known(String)
        /// It is longer than any known name.
        case long

        var text: String? {
            if case .known(let text) = self { text } else { nil }
        }
    }

    /// The longest name that is compared, in bytes.
    static let nameLimit = 64

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
    private let rules: AgentCallRules
    /// nil: not known yet.
    private var service: Name?
    private var method: Name?
    /// The bytes of the name that is being read.
    private var text: [UInt8] = []
    /// Whether another field began before the call was known. Then the names come late, and the request has to be held.
    private(set) var namesComeLate = false

    /// The call; nil while it is not determined.
    private(set) var call: Call?

    init(_ rules: AgentCallRules) { self.rules = rules }

    /// Reads the envelope's next bytes. Throws if they make it ambiguous or unreadable.
    mutating func read(_ bytes: borrowing Span<UInt8>) throws(CallRefused) {
        var offset = 0
        while offset < bytes.count {
            switch place {
            case .content(let rest):
                let count = min(rest, bytes.count - offset)
                offset += count
                skip(rest - count)
            case .name(let field, let rest):
                text.append(bytes[offset])
                offset += 1
                if rest == 1 { note(field) } else { place = .name(field, rest - 1) }
            case .tag, .scalar, .length:
                try advance(bytes[offset])
                offset += 1
            }
        }
    }

    /// Ends the envelope; throws if it ends within a field.
    mutating func finish() throws(CallRefused) {
        guard case .tag = place, bits == 0 else { throw CallRefused("its envelope ends within a field") }
        if call == nil { call = decide(service?.text, method?.text) }
    }

    /// The name of the call for the log, as far as it is known.
    var name: String { "\(service?.text ?? "?")/\(method?.text ?? "?")" }

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
        let isName = field == Field.service || field == Field.method
        if isName, 1...UInt64(Self.nameLimit) ~= length {
            place = .name(field, Int(length))
        } else {
            if isName { note(field, length == 0 ? .known("") : .long) }
            skip(Int(length))
        }
    }

    /// Notes the name that was read.
    private mutating func note(_ field: Int) {
        note(field, .known(String(decoding: text, as: UTF8.self)))
        text.removeAll(keepingCapacity: true)
        place = .tag
    }

    private mutating func note(_ field: Int, _ name: Name) {
        if field == Field.service { service = name } else { method = name }
        guard let service, let method else {
            // Where all calls are permitted, one name may be enough.
            if rules.permitsAll, Self.excludesRewriting(service) || Self.excludesRewriting(method) { call = .other }
            return
        }
        call = decide(service.text, method.text)
    }

    private func decide(_ service: String?, _ method: String?) -> Call {
        guard rules.permits(service: service, method: method) else { return .refused }
        guard service == AgentCallRules.agentService else { return .other }
        switch method {
        case "CreateSandbox": return .createSandbox
        case "CreateContainer": return .createContainer
        case AgentCallRules.copyFile: return rules.permitsAll ? .other : .copyFile
        default: return .other
        }
    }

    /// Whether a call with this name is not rewritten, whatever its other name is.
    private static func excludesRewriting(_ name: Name?) -> Bool {
        switch name {
        case nil: false
        case .long: true
        case .known(let text): ![AgentCallRules.agentService, "CreateSandbox", "CreateContainer"].contains(text)
        }
    }
}

// MARK: Another process

extension EnvelopeScan {
    /// The number of words of ``words``.
    private static let wordCount = 5

    /// The scan of a request that passes, as words for ``init(_:_:)``.
    ///
    /// The names do not matter any longer, so the rest of a name is content.
    var words: [UInt64] {
        let (kind, value): (UInt64, Int) =
            switch place {
            case .tag: (0, 0)
            case .scalar: (1, 0)
            case .length(let field): (2, field)
            case .name(_, let rest), .content(let rest): (3, rest)
            }
        return [kind, UInt64(value), number, bits, UInt64(seen)]
    }

    /// Continues the scan of a request that passes; nil if no scan has these words.
    init?(_ rules: AgentCallRules, _ words: ArraySlice<UInt64>) {
        let words = Array(words)
        guard words.count == Self.wordCount, words[3] <= 63, words[4] < 1 << (UInt64(Field.timeout) + 1) else {
            return nil
        }
        self.init(rules)
        switch words[0] {
        case 0: place = .tag
        case 1: place = .scalar
        case 2 where Field.numbers.contains(words[1]): place = .length(Int(words[1]))
        case 3 where (1...UInt64(Frame.payloadLimit)).contains(words[1]): place = .content(Int(words[1]))
        default: return nil
        }
        (number, bits, seen) = (words[2], words[3], Int(words[4]))
        call = .other
    }
}
