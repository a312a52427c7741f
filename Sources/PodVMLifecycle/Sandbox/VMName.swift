internal import Encoding

/// The names of pod VMs. A name depends only on pod and sandbox, so a record is enough to find the VM after a crash.
public enum VMName {
    /// The longest name that ``make(pod:sandbox:)`` returns, which is also the limit of a host name's label.
    public static let lengthLimit = 63

    private static let podLimit = 48

    /// `podvm-<pod, at most 48 characters>-<8 characters of the sandbox id>`, of `a-z0-9-` only.
    ///
    /// The Go adaptor names VMs in the same way; its sandbox ids are long hexadecimal numbers. The first characters of
    /// other ids are often equal ("sandbox-1", "sandbox-2"), so for them the eight characters come from a hash of the
    /// whole id.
    public static func make(pod: String, sandbox: SandboxID) -> InstanceID {
        let pod = String(decoding: pod.utf8.prefix(podLimit).map(allowed), as: UTF8.self)
        return InstanceID(rawValue: "podvm-\(pod)-\(suffix(of: sandbox.rawValue))")
    }

    /// Whether the name has the form of a name that ``make(pod:sandbox:)`` returns.
    public static func hasForm(_ name: String) -> Bool {
        name.utf8.count <= lengthLimit && name.lowercased().hasPrefix("podvm-")
    }

    /// Whether ``make(pod:sandbox:)`` returns this name for the sandbox and some pod. Other sandboxes may have it too.
    public static func mayBelong(_ name: InstanceID, to sandbox: SandboxID) -> Bool {
        hasForm(name.rawValue) && name.rawValue.lowercased().hasSuffix("-\(suffix(of: sandbox.rawValue))")
    }

    /// Whether ``make(pod:sandbox:)`` returns this name for a pod of that name and some sandbox. The names of pods that begin with the
    /// same 48 characters are not distinguished.
    public static func mayBelong(_ name: InstanceID, toPod pod: String) -> Bool {
        let name = name.rawValue.lowercased().utf8
        let prefix = "podvm-\(String(decoding: pod.utf8.prefix(podLimit).map(allowed), as: UTF8.self))-".utf8
        return name.starts(with: prefix) && name.count == prefix.count + suffixLength
            && !name.dropFirst(prefix.count).contains(UInt8(ascii: "-"))
    }

    private static let suffixLength = 8

    private static func suffix(of id: String) -> String {
        let isHexadecimal = id.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        if isHexadecimal && id.utf8.count >= 8 { return String(id.prefix(8)) }
        let digits = String(hash(id.utf8), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// 64-bit FNV-1a, folded: the name has to be the same in every build.
    private static func hash(_ bytes: String.UTF8View) -> UInt32 {
        let hash = FNV1a.hash(bytes)
        return UInt32(truncatingIfNeeded: hash ^ (hash >> 32))
    }

    private static func allowed(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        default: UInt8(ascii: "-")
        }
    }
}
