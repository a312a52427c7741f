internal import TTRPC

/// The changes that the forwarder makes in calls to the agent: a function of the bytes of whole frames.
///
/// - `CreateSandbox` loses its `dns` (field 2): it is the node's, and the agent would use it as the VM's resolver.
/// - `CreateContainer` gets the pod's network namespace: afterwards OCI (6), Linux (8), Namespaces (6) has exactly one
///   entry of type `network`, with the pod's path. Kata's agent treats the type `net` as the same.
///
/// All other fields, known or not, are copied unchanged and in their order. A message that is sent in pieces (a
/// singular field that occurs twice) becomes one message, as protobuf defines; some readers read only the last piece.
enum CallRewrite {
    private enum Field {
        static let payload = 3
        static let dns = 2
        static let oci = 6, linux = 8, namespaces = 6
        static let type = 1, path = 2
    }

    /// The agents' names for a network namespace.
    private static let networkTypes: [StaticString] = ["network", "net"]

    /// Returns the frame to send instead of `frame` (header and payload), whose scanned envelope is `call`. Nil if
    /// `frame` does not change.
    ///
    /// Nil is also for a container without an OCI or Linux part: the agent refuses it. The result may be longer than
    /// ttrpc's limit. Then the agent refuses the result, as it would any such request; the original would have run
    /// outside of the pod's network. Throws ``CallRefused`` for an unreadable call.
    static func rewritten(
        _ frame: [UInt8], as call: EnvelopeScan.Call, podNamespace: String
    ) throws(CallRefused) -> [UInt8]? {
        do throws(ProtobufError) {
            return try changed(frame, call, podNamespace)
        } catch {
            throw CallRefused("its content cannot be read: \(error)")
        }
    }

    private static func changed(
        _ frame: [UInt8], _ call: EnvelopeScan.Call, _ podNamespace: String
    ) throws(ProtobufError) -> [UInt8]? {
        guard call == .createSandbox || call == .createContainer else { return nil }
        var payload: ProtobufField?
        try each(frame[FrameHeader.size...]) { if $0.number == Field.payload { payload = $0 } }
        guard let payload else { return nil }
        let content = try payload.bytes()
        var out = SplicedMessage(
            copying: frame[..<FrameHeader.size], capacity: frame.count + podNamespace.utf8.count + 64)
        out.raw(frame[FrameHeader.size..<payload.raw.startIndex])
        let mark = out.open(Field.payload)
        let isChanged =
            switch call {
            case .createSandbox: try clearDNS(content, &out)
            case .createContainer: try enterNamespace(content, podNamespace, &out)
            case .other, .copyFile, .refused: false
            }
        guard isChanged else { return nil }
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
                try writeNamespace(path, like: field.bytes(), &out)
            }
        }
        if !isDone { try writeNamespace(path, like: [], &out) }
    }

    /// Writes the pod's entry, with the other fields of `entry`.
    private static func writeNamespace(
        _ path: String, like entry: ArraySlice<UInt8>, _ out: inout SplicedMessage
    ) throws(ProtobufError) {
        let mark = out.open(Field.namespaces)
        out.string(Field.type, "network")
        try each(entry) { if $0.number != Field.type, $0.number != Field.path { out.raw($0.raw) } }
        out.string(Field.path, path)
        out.close(mark)
    }

    private static func isNetwork(_ namespace: ArraySlice<UInt8>) throws(ProtobufError) -> Bool {
        var type = namespace.prefix(0)
        try each(namespace) { field throws(ProtobufError) in if field.number == Field.type { type = try field.bytes() }
        }
        return networkTypes.contains { type.elementsEqual($0) }
    }

    private static func each(
        _ message: ArraySlice<UInt8>, _ body: (ProtobufField) throws(ProtobufError) -> Void
    ) throws(ProtobufError) {
        var reader = ProtobufReader(message)
        while let field = try reader.next() { try body(field) }
    }

    /// The fields of the embedded message `number`, of all its pieces in order.
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
