internal import Fuzzing

/// A protobuf reader that an agent may have. It is independent of the forwarder's reader, and as lenient as the most lenient
/// known reader.
///
/// It shows what a container would get from a request.
struct AgentReader {
    /// Whether it uses the lowest 32 bits of a tag and the lowest 64 of a number, where other readers refuse more bits.
    var cutsNumbers: Bool
    /// Whether it uses the last piece of a message in pieces, where other readers merge the pieces.
    var takesLastPiece: Bool

    /// All kinds of readers.
    static let all = [false, true].flatMap { cut in
        [false, true].map { AgentReader(cutsNumbers: cut, takesLastPiece: $0) }
    }

    struct Field {
        var number: UInt64
        var type: UInt8
        /// The content of a field of wire type 2; nil for other types.
        var content: [UInt8]?
    }

    /// A container's network in its specification.
    struct Network: Equatable {
        var type: [UInt8] = []
        var path: [UInt8] = []
    }

    /// The fields of a message, or nil where every reader fails.
    func fields(_ message: [UInt8]) -> [Field]? {
        var found: [Field] = []
        var rest = message[...]
        while !rest.isEmpty {
            guard let field = field(&rest, depth: 0) else { return nil }
            found.append(field)
        }
        return found
    }

    /// The content of the singular field of a message; empty if there is none.
    func last(_ number: UInt64, of fields: [Field]) -> [UInt8] {
        fields.last { $0.number == number && $0.content != nil }?.content ?? []
    }

    /// The networks that a CreateContainer names; nil if the request is refused or has no Linux part.
    func networks(_ request: [UInt8]) -> [Network]? {
        guard let outer = fields(request), let spec = message(6, of: outer), let inner = fields(spec),
            let linux = message(8, of: inner), let innermost = fields(linux)
        else { return nil }
        var networks: [Network] = []
        for entry in innermost where entry.number == 6 {
            guard let content = entry.content else { continue }
            guard let parts = fields(content) else { return nil }
            let network = Network(type: last(1, of: parts), path: last(2, of: parts))
            if ["network", "net"].contains(String(decoding: network.type, as: UTF8.self)) { networks.append(network) }
        }
        return networks
    }

    private func message(_ number: UInt64, of fields: [Field]) -> [UInt8]? {
        let pieces = fields.filter { $0.number == number }.compactMap(\.content)
        return takesLastPiece || pieces.isEmpty ? pieces.last : Array(pieces.joined())
    }

    private func field(_ rest: inout ArraySlice<UInt8>, depth: Int) -> Field? {
        guard var tag = varint(&rest) else { return nil }
        if cutsNumbers { tag &= 0xFFFF_FFFF }
        let field = Field(number: tag >> 3, type: UInt8(tag & 7), content: nil)
        guard field.number > 0 else { return nil }
        switch field.type {
        case 0: return varint(&rest) == nil ? nil : field
        case 1: return drop(8, &rest) ? field : nil
        case 5: return drop(4, &rest) ? field : nil
        case 2:
            guard let length = varint(&rest), length <= UInt64(rest.count) else { return nil }
            defer { rest = rest.dropFirst(Int(length)) }
            return Field(number: field.number, type: 2, content: Array(rest.prefix(Int(length))))
        case 3: return depth < 64 && skipGroup(&rest, depth) ? field : nil
        default: return nil
        }
    }

    /// Skips to the end of a group with any number.
    private func skipGroup(_ rest: inout ArraySlice<UInt8>, _ depth: Int) -> Bool {
        while true {
            var ahead = rest
            guard let tag = varint(&ahead) else { return false }
            if tag & 7 == 4 {
                rest = ahead
                return true
            }
            guard field(&rest, depth: depth + 1) != nil else { return false }
        }
    }

    private func drop(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.count >= count else { return false }
        rest = rest.dropFirst(count)
        return true
    }

    /// A number of up to ten bytes.
    private func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard let byte = rest.popFirst(), index < 9 || byte < 2 || cutsNumbers else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}

/// The conditions for a request that reached the agent.
enum AgentView {
    private static let service = Array("grpc.AgentService".utf8)
    private static let createSandbox = Array("CreateSandbox".utf8)
    private static let createContainer = Array("CreateContainer".utf8)

    /// No reader finds a network other than the pod's, or a resolver of the node.
    static func examine(_ envelope: [UInt8]) {
        let wanted = AgentReader.Network(type: Array("network".utf8), path: Array(RewriterFuzzer.podNamespace.utf8))
        for reader in AgentReader.all {
            guard let fields = reader.fields(envelope), reader.last(1, of: fields) == service else { continue }
            let payload = reader.last(3, of: fields)
            switch reader.last(2, of: fields) {
            case createContainer:
                guard let networks = reader.networks(payload) else { continue }
                require(networks == [wanted], "\(reader) finds the networks \(networks) in \(envelope)")
            case createSandbox:
                let found = reader.fields(payload) ?? []
                require(!found.contains { $0.number == 2 && $0.content != nil }, "\(reader) finds DNS in \(envelope)")
            default: break
            }
        }
    }

    /// Whether a request is one that encoders write, apart from numbers with more bytes than needed. The forwarder must not
    /// refuse such a request.
    static func isPlain(_ envelope: [UInt8]) -> Bool {
        let reader = AgentReader(cutsNumbers: false, takesLastPiece: false)
        guard let fields = reader.fields(envelope) else { return false }
        for field in fields {
            guard field.number < 1 << 29, field.type != 3 else { return false }
            guard field.number < 5 else { continue }
            guard fields.filter({ $0.number == field.number }).count == 1 else { return false }
            guard field.type == (field.number == 4 ? 0 : 2) else { return false }
        }
        guard reader.last(1, of: fields) == service else { return true }
        let payload = reader.last(3, of: fields)
        switch reader.last(2, of: fields) {
        case createContainer: return ContainerRewrite.canRead(payload)
        case createSandbox: return RewriterFuzzer.canRead(payload)
        default: return true
        }
    }
}
