internal import Glibc
internal import LinuxIO

/// The failure of an operation on a pod's network, with the object, the reason and the remedy.
public struct PodNetworkError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kind of failure. The type is a struct, so new codes break no `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the code in log lines.
        public let description: String

        /// No namespace is at the path. A removal succeeds then.
        public static let missingNamespace = Code(description: "missing namespace")
        /// The file at the path is not a network namespace, or is a namespace that a pod must not have.
        public static let unusableNamespace = Code(description: "unusable namespace")
        /// The namespace has no interface that could be the pod's, or has several.
        public static let noPrimaryInterface = Code(description: "no primary interface")
        /// The plan cannot work.
        public static let invalidPlan = Code(description: "invalid plan")
        /// Another interface or program has the name, the VXLAN identifier or the UDP port.
        public static let taken = Code(description: "taken")
        /// This process lacks a permission.
        public static let notPermitted = Code(description: "not permitted")
        /// The kernel lacks a feature.
        public static let unsupported = Code(description: "unsupported")
        /// The kernel refused for another reason.
        public static let refused = Code(description: "refused")
        /// All identifiers are in use.
        public static let exhausted = Code(description: "exhausted")
    }

    /// The kind of the failure.
    public let code: Code
    /// The object of the operation.
    public let object: String
    /// The reason of the failure.
    public let reason: String
    /// What to do next.
    public let remedy: String
    /// The kernel's error number, if the kernel refused.
    public let errno: CInt?
    /// The changes that could not be rolled back.
    public var leftBehind: [String] = []

    /// An error about `object`.
    public init(_ code: Code, _ object: String, _ reason: String, _ remedy: String, errno: CInt? = nil) {
        self.code = code
        self.object = object
        self.reason = reason
        self.remedy = remedy
        self.errno = errno
    }

    /// The object, the reason and the remaining changes, without the remedy and without a full stop.
    public var fault: String {
        "\(object): \(reason)" + (leftBehind.isEmpty ? "" : "; left behind: \(leftBehind.joined(separator: ", "))")
    }

    /// The fault and the remedy, as sentences.
    public var description: String { "\(fault). \(remedy)" }

    static func invalidPlan(_ object: String, _ reason: String, _ remedy: String) -> PodNetworkError {
        PodNetworkError(.invalidPlan, object, reason, remedy)
    }

    /// Makes the error for a path that is not a network namespace.
    init(_ failure: NetworkNamespace.Failure, _ remedy: String = NetworkRemedy.namespace) {
        switch failure {
        case .missing(let path):
            self.init(.missingNamespace, "The network namespace \(path)", "it does not exist", remedy)
        case .notANamespace(let path):
            self.init(
                .unusableNamespace, "The network namespace \(path)", "the file there is not a network namespace", remedy
            )
        case .refused(let error): self.init(error)
        }
    }

    /// Makes the error for a system call, other than a netlink request, that the kernel refused.
    init(_ error: SystemCallError) {
        let isPermission = [EPERM, EACCES].contains(error.errno)
        self.init(
            isPermission ? .notPermitted : .refused, error.subject, "\(error)",
            isPermission ? NetworkRemedy.capabilities : NetworkRemedy.look, errno: error.errno)
    }

    /// Makes the error for a netlink request that the kernel refused, with the kernel's message if there is one.
    init(_ call: NetlinkCall, errno: CInt, words: String, in place: String) {
        let text = unsafe String(cString: strerror(errno))
        let reason = "the kernel refuses to \(call.verb) it in \(place): \(words.isEmpty ? text : "\(words) (\(text))")"
        let (code, remedy) = NetworkRemedy.of(call.kind, errno)
        self.init(code, call.object, reason, remedy, errno: errno)
    }
}
