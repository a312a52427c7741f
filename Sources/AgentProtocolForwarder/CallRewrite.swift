internal import TTRPC

/// What the forwarder changes in calls to the agent, on whole frames, as a function of their bytes.
///
/// - `CreateSandbox` loses its `dns` (field 2): it is the node's, and the agent would make it the VM's resolver.
/// - `CreateContainer` gets the pod's network namespace: in OCI (6), Linux (8), Namespaces (6) there is one entry of type
///   `network` afterwards, with the pod's path, whatever there was. Kata's agent takes the type `net` for the same.
///
/// All other fields, known or not, come out as they went in and in their order. A message that is sent in pieces (a
/// singular field that occurs twice) becomes one, which is what protobuf makes of it; some readers take the last piece alone.
enum CallRewrite {
    private enum Field {
        static let payload = 3
        static let dns = 2
        static let oci = 6, linux = 8, namespaces = 6
        static let type = 1, path = 2
    }

    /// What the agents call a network namespace.
    private static let networkTypes: [StaticString] = ["network", "net"]

    /// The frame to send instead of `frame` (header and payload), whose envelope is scanned and is `call`; nil if that is to
    /// stay as it is.
    ///
    /// Nil is also for a container without OCI or Linux part: the agent knows best how to refuse it. The result may be
    /// longer than ttrpc's limit; then the agent refuses that, as it would any such request, where the original would have
    /// run outside of the pod's network. Throws ``CallRefused`` for what cannot be read.
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
        guard call != .other else { return nil }
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
            case .other: false
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

    /// Writes the pod's entry, with what else `entry` has.
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
