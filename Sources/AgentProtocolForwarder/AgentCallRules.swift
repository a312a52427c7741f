/// The calls to the agent that the node may make: a setting of the image.
///
/// A call that is not permitted does not reach the agent's handlers, whatever the agent's policy says.
public struct AgentCallRules: Equatable, Sendable {
    /// The permitted methods of `grpc.AgentService`; nil permits all calls of all services.
    private let methods: Set<String>?

    /// All calls; only the rewriting remains.
    public static let all = AgentCallRules(methods: nil)
    /// The calls that a kata shim makes in a pod's life. Not permitted are calls that change the agent's policy, the VM's
    /// interfaces, routes, packet filter, clock, memory or devices, and calls of later versions.
    public static let strict = AgentCallRules(methods: Set(strictMethods))

    private static let strictMethods = [
        "CreateSandbox", "DestroySandbox", "CreateContainer", "StartContainer", "RemoveContainer", "ExecProcess",
        "SignalProcess", "WaitProcess", "UpdateContainer", "StatsContainer", "PauseContainer", "ResumeContainer",
        "WriteStdin", "ReadStdout", "ReadStderr", "CloseStdin", "TtyWinResize", "GetMetrics", "GetOOMEvent",
        "GetGuestDetails", "GetVolumeStats", copyFile,
    ]
    private static let healthMethods = ["Check", "Version"]
    private static let (allWord, strictWord) = ("all", "strict")
    static let (agentService, healthService) = ("grpc.AgentService", "grpc.Health")
    static let copyFile = "CopyFile"

    private init(methods: Set<String>?) { self.methods = methods }

    /// Reads the setting: `all`, or methods, of which `strict` means those of ``strict``. Nil if a word is not a method.
    init?(words: [String]) {
        if words == [Self.allWord] {
            self = .all
            return
        }
        var methods = Set<String>()
        for word in words {
            let isName = word.first?.isUppercase == true && word.utf8.count <= EnvelopeScan.nameLimit
            guard word == Self.strictWord || isName && word.allSatisfy({ $0.isASCII && $0.isLetter }) else {
                return nil
            }
            if word == Self.strictWord { methods.formUnion(Self.strictMethods) } else { methods.insert(word) }
        }
        guard !methods.isEmpty else { return nil }
        self.init(methods: methods)
    }

    /// The setting's words.
    var words: [String] {
        guard let methods else { return [Self.allWord] }
        let others = methods.subtracting(Self.strictMethods).sorted()
        return methods.isSuperset(of: Self.strictMethods) ? [Self.strictWord] + others : methods.sorted()
    }

    /// Whether all calls are permitted, so that no name has to be compared.
    var permitsAll: Bool { methods == nil }

    /// Whether the node may make the call. A nil name is longer than any known one.
    func permits(service: String?, method: String?) -> Bool {
        guard let methods else { return true }
        guard let service, let method else { return false }
        return service == Self.agentService && methods.contains(method)
            || service == Self.healthService && Self.healthMethods.contains(method)
    }
}
