internal import TTRPC

/// What the forwarder changes in calls to the agent, on whole frames, as a function of their bytes.
///
/// - `CreateSandbox` loses its `dns` (field 2): it is the node's, and the agent would make it the VM's resolver.
/// - `CreateContainer` gets the pod's network namespace: in OCI (6), Linux (8), Namespaces (6) the entry of type
///   `network` gets its path, or is appended. There is one such entry afterwards, whatever there was.
///
/// All other fields, known or not, come out as they went in and in their order. A message that is sent in pieces (a
/// singular field that occurs twice) becomes one, which protobuf calls the same.
enum CallRewrite {
    private enum Field {
        static let service = 1, method = 2, payload = 3
        static let dns = 2
        static let oci = 6, linux = 8, namespaces = 6
        static let type = 1, path = 2
    }

    /// The frame to send instead of `frame` (header and payload); nil if that is to stay as it is.
    ///
    /// Nil is also for what cannot be read, and for a container without OCI or Linux part: the agent knows best how to
    /// refuse it. The result may be longer than ttrpc's limit; then the agent refuses that, as it would any such
    /// request, where the original would have run outside of the pod's network.
    static func rewritten(_ frame: [UInt8], podNamespace: String) -> [UInt8]? {
        try? changed(frame, podNamespace)
    }

    private static func changed(_ frame: [UInt8], _ podNamespace: String) throws(ProtobufError) -> [UInt8]? {
        let envelope = frame[FrameHeader.size...]
        // Of each field the last counts, as for any reader.
        var (service, method) = (envelope.prefix(0), envelope.prefix(0))
        var payload: ProtobufField?
        try each(envelope) { field throws(ProtobufError) in
            switch field.number {
            case Field.service: service = try field.bytes()
            case Field.method: method = try field.bytes()
            case Field.payload: payload = field
            default: break
            }
        }
        guard let payload, service.elementsEqual(CallPeek.service) else { return nil }
        let content = try payload.bytes()
        var out = SplicedMessage(
            copying: frame[..<FrameHeader.size], capacity: frame.count + podNamespace.utf8.count + 64)
        out.raw(frame[FrameHeader.size..<payload.raw.startIndex])
        let mark = out.open(Field.payload)
        if method.elementsEqual(CallPeek.createSandbox) {
            guard try clearDNS(content, &out) else { return nil }
        } else if method.elementsEqual(CallPeek.createContainer) {
            guard try enterNamespace(content, podNamespace, &out) else { return nil }
        } else {
            return nil
        }
        out.close(mark)
        out.raw(frame[payload.raw.endIndex...])
        return out.frame()
    }

    private static func clearDNS(_ request: ArraySlice<UInt8>, _ out: inout SplicedMessage) throws(ProtobufError)
        -> Bool
    {
        var isFound = false
        try each(request) { field throws(ProtobufError) in
            if field.number == Field.dns { isFound = true } else { out.raw(field.raw) }
        }
        return isFound
    }

    private static func enterNamespace(
        _ request: ArraySlice<UInt8>, _ path: String, _ out: inout SplicedMessage
    ) throws(ProtobufError) -> Bool {
        var hasLinux = false
        try each(in: Field.oci, of: request) { if $0.number == Field.linux { hasLinux = true } }
        guard hasLinux else { return false }
        var isDone = false
        try each(request) { field throws(ProtobufError) in
            guard field.number == Field.oci else { return out.raw(field.raw) }
            guard !isDone else { return }
            isDone = true
            let mark = out.open(Field.oci)
            try writeOCI(of: request, path, &out)
            out.close(mark)
        }
        return true
    }

    private static func writeOCI(
        of request: ArraySlice<UInt8>, _ path: String, _ out: inout SplicedMessage
    ) throws(ProtobufError) {
        var isDone = false
        try each(in: Field.oci, of: request) { field throws(ProtobufError) in
            guard field.number == Field.linux else { return out.raw(field.raw) }
            guard !isDone else { return }
            isDone = true
            let mark = out.open(Field.linux)
            try writeLinux(of: request, path, &out)
            out.close(mark)
        }
    }

    private static func writeLinux(
        of request: ArraySlice<UInt8>, _ path: String, _ out: inout SplicedMessage
    ) throws(ProtobufError) {
        var isDone = false
        try each(in: Field.oci, of: request) { linux throws(ProtobufError) in
            guard linux.number == Field.linux else { return }
            try each(linux.bytes()) { field throws(ProtobufError) in
                guard field.number == Field.namespaces, try isNetwork(field.bytes()) else { return out.raw(field.raw) }
                guard !isDone else { return }
                isDone = true
                let mark = out.open(Field.namespaces)
                try each(field.bytes()) { if $0.number != Field.path { out.raw($0.raw) } }
                out.string(Field.path, path)
                out.close(mark)
            }
        }
        guard !isDone else { return }
        let mark = out.open(Field.namespaces)
        out.string(Field.type, "network")
        out.string(Field.path, path)
        out.close(mark)
    }

    private static func isNetwork(_ namespace: ArraySlice<UInt8>) throws(ProtobufError) -> Bool {
        var type = namespace.prefix(0)
        try each(namespace) { field throws(ProtobufError) in if field.number == Field.type { type = try field.bytes() }
        }
        return type.elementsEqual("network".utf8)
    }

    private static func each(
        _ message: ArraySlice<UInt8>, _ body: (ProtobufField) throws(ProtobufError) -> Void
    ) throws(ProtobufError) {
        var reader = ProtobufReader(message)
        while let field = try reader.next() { try body(field) }
    }

    /// The fields of the embedded message `number`, all its pieces in a row.
    private static func each(
        in number: Int, of message: ArraySlice<UInt8>, _ body: (ProtobufField) throws(ProtobufError) -> Void
    ) throws(ProtobufError) {
        try each(message) { outer throws(ProtobufError) in
            if outer.number == number { try each(outer.bytes(), body) }
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func elementsEqual(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { unsafe elementsEqual($0) }
    }
}
