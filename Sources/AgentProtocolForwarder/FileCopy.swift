internal import TTRPC

/// The place of a CopyFile in the guest. The node may only write below the directory that the shim shares with
/// containers, and a symbolic link there must stay below its own first directory.
enum FileCopy {
    /// The directory of the files for containers, in the shim and in the agent.
    static let directory = "/run/kata-containers/shared/containers"

    private enum Field {
        static let path = 1, mode = 3, data = 8
    }

    private static let (kindMask, link): (UInt64, UInt64) = (0o170000, 0o120000)

    /// Why the copy is not permitted, as a clause; nil if it is.
    ///
    /// - Throws: `ProtobufError` for an unreadable request.
    static func fault(in request: ArraySlice<UInt8>) throws(ProtobufError) -> String? {
        var (path, data): (ArraySlice<UInt8>, ArraySlice<UInt8>) = ([], [])
        var mode: UInt64 = 0
        var reader = ProtobufReader(request)
        while let field = try reader.next() {
            switch field.number {
            case Field.path: path = try field.bytes()
            case Field.mode: mode = try field.uint64()
            case Field.data: data = try field.bytes()
            default: break
            }
        }
        guard let parts = place(path) else { return "its path is not below \(directory)" }
        guard mode & kindMask == link else { return nil }
        return stays(data, from: parts) ? nil : "it is a symbolic link that leaves its directory below \(directory)"
    }

    /// The parts of a path below the directory; nil if it is not there.
    private static func place(_ path: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
        let prefix = Array("\(directory)/".utf8)
        guard path.starts(with: prefix), !path.contains(0) else { return nil }
        let parts = path.dropFirst(prefix.count).split(separator: UInt8(ascii: "/"))
        guard !parts.isEmpty, !parts.contains(where: { isDots($0) }) else { return nil }
        return parts
    }

    /// Whether a link at these parts leads to a place below its first part.
    private static func stays(_ target: ArraySlice<UInt8>, from parts: [ArraySlice<UInt8>]) -> Bool {
        guard !target.isEmpty, target.first != UInt8(ascii: "/"), !target.contains(0) else { return false }
        var depth = parts.count - 1
        for part in target.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual("..".utf8) { depth -= 1 } else if !part.elementsEqual(".".utf8) { depth += 1 }
            guard depth >= 1 else { return false }
        }
        return true
    }

    private static func isDots(_ part: ArraySlice<UInt8>) -> Bool {
        part.elementsEqual(".".utf8) || part.elementsEqual("..".utf8)
    }
}
