internal import Glibc

/// What an operator should do about an error of a pod's network: the remedies of all errors of this module.
enum NetworkRemedy {
    /// A capability is missing.
    static let capabilities =
        "This needs the capabilities NET_ADMIN and SYS_ADMIN (in Kubernetes: securityContext.capabilities.add), and a "
        + "namespace file that this process may open, such as those in /run/netns."
    /// The kernel's reason is not specific.
    static let look = "Check the kernel's log (dmesg) and the interfaces there (ip -d link)."
    /// A pod's namespace is missing.
    static let namespace =
        "On the node, containerd or CRI-O makes it, and the adaptor must see the node's /run/netns (mount propagation "
        + "HostToContainer). In the VM, the unit netns@podns makes it."
    /// A pod has the host's namespace.
    static let hostNamespace =
        "A pod in a VM cannot have the host's network: remove hostNetwork from the pod."
    /// This process cannot read its own namespace.
    static let proc = "Mount /proc."
    /// The pod's interface is missing or unsuitable.
    static let pod =
        "The CNI plugin makes the pod's interface: check its configuration and log, and the namespace ('ip addr', 'ip route')."
    /// The CNI plugin has made an unsuitable network.
    static let cni = "Check the interface that the CNI plugin has made."
    /// The pod's interface has an unsuitable name.
    static let podInterfaceName = "Give the pod's interface another name in the CNI configuration."
    /// The underlay has no interface or no address.
    static let underlay = "Name the interface with -host-interface, or give this machine a default route."
    /// A transient state.
    static let retry = "Try again."

    /// The code and the remedy of a netlink request of this kind that failed with `errno`.
    static func of(_ kind: NetlinkCall.Kind, _ errno: CInt) -> (PodNetworkError.Code, String) {
        switch (kind, errno) {
        case (.address, EACCES), (.address, EPERM):
            (.notPermitted, capabilities + " For an IPv6 address, net.ipv6.conf.all.disable_ipv6 must be 0.")
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
                "Another program, or a VXLAN interface of another kind (such as Cilium's), uses that UDP port: choose "
                    + "another -vxlan-port."
            )
        case (.tunnel, EOPNOTSUPP), (.tunnel, EAFNOSUPPORT):
            (.unsupported, "The kernel needs VXLAN (CONFIG_VXLAN; modprobe vxlan), and the IP family of the addresses.")
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
                "The pod's routes do not fit its addresses: check them on the node ('ip route' in the pod's namespace)."
            )
        case (_, ENOBUFS), (_, ENOMEM), (_, ENOSPC):
            (.refused, "The kernel is out of memory, or a table is full: free some entries and try again.")
        default: (.refused, look)
        }
    }
}
