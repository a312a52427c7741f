internal import Fuzzing
internal import TTRPC

/// The rewriter removes field 2 of CreateSandbox and nothing else.
enum SandboxRewrite {
    static func examine(_ before: [UInt8], _ after: [UInt8]) {
        guard let old = fields(of: before) else { return require(before == after, "an unreadable request was changed") }
        guard let new = fields(of: after) else { fail("a request became unreadable: \(after)") }
        require(!new.contains { $0.number == 2 }, "DNS was not removed")
        require(raw(old, without: 2) == raw(new, without: 2), "\(before) became \(after)")
    }
}

/// The rewriter gives CreateContainer one network namespace, the pod's, in field 6 of field 8 of field 6.
enum ContainerRewrite {
    static func examine(_ before: [UInt8], _ after: [UInt8]) {
        // The agent refuses a request without a Linux part, or with one that cannot be read.
        guard let old = Parts(before) else { return require(before == after, "an unreadable request was changed") }
        guard old.hasLinux else { return require(before == after, "a container without a Linux part was changed") }
        guard let new = Parts(after) else { fail("\(before) became unreadable: \(after)") }
        require(new.request == old.request, "the request's other fields: \(old.request) became \(new.request)")
        require(new.spec == old.spec, "the specification's other fields: \(old.spec) became \(new.spec)")
        require(new.linux == old.linux, "the Linux part's other fields: \(old.linux) became \(new.linux)")
        require(new.otherNamespaces == old.otherNamespaces, "other namespaces")
        require(new.networkPaths == [RewriterFuzzer.podNamespace], "the network namespaces are \(new.networkPaths)")
    }

    /// Whether the parts of the request that matter can be read.
    static func canRead(_ request: [UInt8]) -> Bool { Parts(request) != nil }

    /// The parts of a request, each without the content of the next.
    private struct Parts {
        var hasLinux = false
        var request: [[UInt8]] = []
        var spec: [[UInt8]] = []
        var linux: [[UInt8]] = []
        var otherNamespaces: [[UInt8]] = []
        var networkPaths: [String] = []

        init?(_ bytes: [UInt8]) {
            guard let outer = fields(of: bytes), let inner = embedded(6, in: outer) else { return nil }
            request = raw(outer, without: 6)
            spec = raw(inner, without: 8)
            hasLinux = inner.contains { $0.number == 8 }
            guard let innermost = embedded(8, in: inner) else { return nil }
            linux = raw(innermost, without: 6)
            for field in innermost where field.number == 6 {
                guard let content = try? field.bytes(), let namespace = fields(of: Array(content)) else { return nil }
                var (type, path): (ArraySlice<UInt8>, ArraySlice<UInt8>) = ([], [])
                for part in namespace where part.number == 1 || part.number == 2 {
                    // A path that is not text matters only when the rewriter replaces it, and then it no longer exists.
                    let bytes = try? part.bytes()
                    if part.number == 1 {
                        guard let bytes else { return nil }
                        type = bytes
                    } else {
                        path = bytes ?? path
                    }
                }
                if type.elementsEqual("network".utf8) || type.elementsEqual("net".utf8) {
                    networkPaths.append(String(decoding: path, as: UTF8.self))
                } else {
                    otherNamespaces.append(Array(field.raw))
                }
            }
        }
    }
}

private func raw(_ fields: [ProtobufField], without number: Int) -> [[UInt8]] {
    fields.filter { $0.number != number }.map { Array($0.raw) }
}

/// The fields of an embedded message, of all its pieces; nil if one piece cannot be read.
private func embedded(_ number: Int, in outer: [ProtobufField]) -> [ProtobufField]? {
    var all: [ProtobufField] = []
    for piece in outer where piece.number == number {
        guard let content = try? piece.bytes(), let inner = fields(of: Array(content)) else { return nil }
        all += inner
    }
    return all
}
