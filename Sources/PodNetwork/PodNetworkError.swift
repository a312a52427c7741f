internal import Glibc
internal import LinuxIO

/// Why a pod's network is not as it should be: what was done, on what, why it failed, and what helps.
public struct PodNetworkError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a caller may decide by. A struct, so that new codes break no `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        /// There is no namespace at the path; for teardown that is as good as done.
        public static let missingNamespace = Code(description: "missing namespace")
        /// What is at the path is no network namespace, or not one that a pod may have.
        public static let unusableNamespace = Code(description: "unusable namespace")
        /// The namespace has no interface that could be the pod's, or more than one.
        public static let noPrimaryInterface = Code(description: "no primary interface")
        /// The plan is none that could work.
        public static let invalidPlan = Code(description: "invalid plan")
        /// Something else has the name, the VXLAN identifier or the UDP port.
        public static let taken = Code(description: "taken")
        /// We may not.
        public static let notPermitted = Code(description: "not permitted")
        /// The kernel lacks what this needs.
        public static let unsupported = Code(description: "unsupported")
        /// The kernel refused for another reason.
        public static let refused = Code(description: "refused")
        /// No identifier is left.
        public static let exhausted = Code(description: "exhausted")
    }

    public let code: Code
    /// What it was about.
    public let object: String
    /// Why it failed.
    public let reason: String
    /// What helps.
    public let remedy: String
    /// The kernel's number, if it was the kernel.
    public let errno: CInt?
    /// What could not be taken back, and so is still there.
    public var leftBehind: [String] = []

    /// An error.
    public init(_ code: Code, _ object: String, _ reason: String, _ remedy: String, errno: CInt? = nil) {
        self.code = code
        self.object = object
        self.reason = reason
        self.remedy = remedy
        self.errno = errno
    }

    public var description: String {
        let rest = leftBehind.isEmpty ? "" : " Left behind: \(leftBehind.joined(separator: ", "))."
        return "\(object): \(reason).\(rest) \(remedy)"
    }

    static func invalidPlan(_ object: String, _ reason: String, _ remedy: String) -> PodNetworkError {
        PodNetworkError(.invalidPlan, object, reason, remedy)
    }

    /// That a path leads to no namespace; `remedy` is what helps at this end.
    init(_ failure: NetworkNamespace.Failure, _ remedy: String) {
        switch failure {
        case .missing(let path):
            self.init(.missingNamespace, "The network namespace \(path)", "it is not there", remedy)
        case .notANamespace(let path):
            self.init(
                .unusableNamespace, "The network namespace \(path)", "what is there is no network namespace", remedy)
        case .refused(let error): self.init(error)
        }
    }

    /// That the kernel refused a system call that is not netlink's.
    init(_ error: SystemCallError) {
        let isPermission = [EPERM, EACCES].contains(error.errno)
        self.init(
            isPermission ? .notPermitted : .refused, error.subject, "\(error)",
            isPermission ? NetworkRemedy.capabilities : NetworkRemedy.look, errno: error.errno)
    }

    /// That the kernel refused a netlink request, in its own words where it has some.
    init(_ call: NetlinkCall, errno: CInt, words: String, in place: String) {
        let text = unsafe String(cString: strerror(errno))
        let reason = "the kernel refuses to \(call.verb) it in \(place): \(words.isEmpty ? text : "\(words) (\(text))")"
        let (code, remedy) = NetworkRemedy.of(call.kind, errno)
        self.init(code, call.object, reason, remedy, errno: errno)
    }
}

/// What helps against a refusal.
enum NetworkRemedy {
    static let capabilities =
        "This needs the capabilities NET_ADMIN and SYS_ADMIN (in Kubernetes: securityContext.capabilities.add), and a "
        + "namespace file that may be opened, such as those in /run/netns."
    static let look = "Look at the kernel's log (dmesg) and at the interfaces there (ip -d link)."

    static func of(_ kind: NetlinkCall.Kind, _ errno: CInt) -> (PodNetworkError.Code, String) {
        switch (kind, errno) {
        case (.address, EACCES), (.address, EPERM):
            (.notPermitted, capabilities + " If it is an IPv6 address: net.ipv6.conf.all.disable_ipv6 has to be 0.")
        case (_, EPERM), (_, EACCES): (.notPermitted, capabilities)
        case (.tunnel, EEXIST):
            (
                .taken,
                "Another VXLAN interface of this node has that identifier and port, perhaps in another pod's namespace: "
                    + "find it with 'ip -all netns exec ip -d link show type vxlan', or choose another -vxlan-min-id."
            )
        case (.tunnel, EADDRINUSE), (.linkState, EADDRINUSE):
            (
                .taken,
                "Another program, or a VXLAN interface of another kind (such as Cilium's), has that UDP port: choose "
                    + "another -vxlan-port."
            )
        case (.tunnel, EOPNOTSUPP), (.tunnel, EAFNOSUPPORT):
            (.unsupported, "The kernel needs VXLAN (CONFIG_VXLAN; modprobe vxlan), and the family of the addresses.")
        case (.redirect, ENOENT), (.redirect, EOPNOTSUPP):
            (
                .unsupported,
                "The kernel needs CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32, CONFIG_NET_CLS_BPF and CONFIG_NET_ACT_MIRRED "
                    + "(modprobe sch_ingress cls_u32 cls_bpf act_mirred)."
            )
        case (.redirect, EINVAL):
            (.refused, "The kernel may lack CONFIG_NET_CLS_BPF (modprobe cls_bpf). " + look)
        case (.policy, EPROTONOSUPPORT), (.policy, EOPNOTSUPP):
            (.unsupported, "The kernel needs CONFIG_XFRM_USER (modprobe xfrm_user).")
        case (.route, ENETUNREACH), (.route, EHOSTUNREACH), (.route, EINVAL):
            (
                .invalidPlan,
                "The pod's routes do not fit its addresses: look at them on the node ('ip route' in its namespace)."
            )
        case (_, ENOBUFS), (_, ENOMEM), (_, ENOSPC):
            (.refused, "The kernel is short of memory, or of room in a table: free some and try again.")
        default: (.refused, look)
        }
    }
}
