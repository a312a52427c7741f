internal import LinuxIO

/// Sets up and removes the node's side of a pod's network. Blocks while the kernel works.
struct NodeNetworkSetup {
    /// The node's own namespace, in which the outer packets are sent.
    let node: NetworkNamespace
    /// The pod's namespace.
    let podNamespace: NetworkNamespace
    let faults: NetlinkFaults

    private static let tunnel = NodeNetworkPlan.tunnelInterface

    /// Sets up missing parts, and keeps parts that match the plan.
    ///
    /// If it fails, the changes of this run are rolled back.
    func setUp(_ plan: NodeNetworkPlan) throws(PodNetworkError) {
        try plan.check()
        let outer = try NetlinkSocket.open(in: node, "the node's namespace", faults: faults)
        let inner = try NetlinkSocket.open(in: podNamespace, "\(podNamespace)", faults: faults)
        guard let pod = try inner.link(named: plan.podInterface) else {
            throw PodNetworkError(
                .noPrimaryInterface, "The interface \(plan.podInterface) in \(podNamespace)", "it does not exist",
                "The CNI plugin makes the interface. If it has removed the interface, delete the pod and create it again."
            )
        }
        var rollback = Rollback()
        do throws(PodNetworkError) {
            // The check comes before any change, so rules of other programs stay.
            let rule = try inner.incomingRule(of: pod)
            try Self.refuseForeign(rule, on: pod)
            let tunnel = try makeTunnel(plan, outer, inner, &rollback)
            if try !inner.permanentEntries(of: tunnel).contains(plan.forwardingEntry) {
                try inner.add(plan.forwardingEntry, to: tunnel)
            }
            try admit(plan.sourceCheck, from: tunnel, to: pod, inner, &rollback)
            if !tunnel.isUp {
                try inner.disableLinkLocalAddress(tunnel)
                try inner.bringUp(tunnel)
            }
            // The rule comes last. After it, the VM receives the pod's packets.
            try redirect(from: pod, to: tunnel, rule, inner, &rollback)
        } catch {
            throw rollback.run(after: error)
        }
    }

    /// Removes the adaptor's interface and rules. Succeeds when none exist.
    ///
    /// With `identifier` nil, a tunnel with any identifier is removed.
    func remove(podInterface: String, identifier: UInt32?) throws(PodNetworkError) {
        let inner = try NetlinkSocket.open(in: podNamespace, "\(podNamespace)", faults: faults)
        let tunnel = try inner.link(named: Self.tunnel)
        if let vxlan = tunnel?.vxlan, let identifier, vxlan.identifier != identifier { return }
        // The interface is removed first. Until the rule is removed too, packets for the pod get no answer. Otherwise
        // they would get a wrong answer from the network stack of the pod's namespace on the node.
        if let tunnel, tunnel.vxlan != nil { try inner.delete(tunnel) }
        guard let pod = try inner.link(named: podInterface) else { return }
        if case .redirect = try inner.incomingRule(of: pod) { try inner.removeIngress(from: pod) }
    }

    private func makeTunnel(
        _ plan: NodeNetworkPlan, _ outer: NetlinkSocket, _ inner: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) -> Link {
        if let old = try inner.link(named: Self.tunnel) {
            if old.isEndpoint(of: plan.tunnel), old.vxlan?.learningLimit == NodeNetworkPlan.forwardingLimit {
                if old.mtu != plan.mtu { try inner.setMTU(plan.mtu, of: old) }
                return old
            }
            try old.refuseUnlessTunnel(in: podNamespace)
            try inner.delete(old)
        }
        rollback.add(Self.tunnel) { () throws(PodNetworkError) in
            if let made = try inner.link(named: Self.tunnel), made.isEndpoint(of: plan.tunnel) {
                try inner.delete(made)
            }
        }
        try outer.createTunnel(
            plan.tunnel, named: Self.tunnel, address: nil, mtu: plan.mtu,
            learningLimit: NodeNetworkPlan.forwardingLimit,
            in: podNamespace)
        return try inner.made(Self.tunnel)
    }

    /// Lets only the frames that `check` accepts pass from the tunnel to the pod's interface.
    private func admit(
        _ check: FrameProgram, from tunnel: Link, to pod: Link, _ inner: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) {
        let rule = try inner.incomingRule(of: tunnel)
        if rule == .checked(by: check.bytes, to: pod.index) { return }
        try prepareIngress(of: tunnel, rule, inner, &rollback)
        try inner.addSourceCheck(check, from: tunnel, to: pod)
    }

    private func redirect(
        from link: Link, to target: Link, _ rule: IncomingRule, _ inner: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) {
        if rule == .redirect(to: target.index) { return }
        try prepareIngress(of: link, rule, inner, &rollback)
        try inner.addRedirect(from: link, to: target)
    }

    private func prepareIngress(
        of link: Link, _ rule: IncomingRule, _ inner: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) {
        try Self.refuseForeign(rule, on: link)
        // The rule is incomplete after a crash, or after the removal of an interface.
        if rule != .none { try inner.removeIngress(from: link) }
        rollback.add("the rules on \(link.name)") { () throws(PodNetworkError) in try inner.removeIngress(from: link) }
        try inner.addIngress(to: link)
    }

    private static func refuseForeign(_ rule: IncomingRule, on link: Link) throws(PodNetworkError) {
        guard case .foreign(let kind) = rule else { return }
        throw PodNetworkError(
            .taken, "The interface \(link.name)", "another program has rules for its incoming packets (\(kind))",
            "Find that program by its rules ('tc filter show dev \(link.name) ingress' in the pod's namespace), and configure it not to "
                + "make them."
        )
    }
}

extension Link {
    /// - Throws: ``PodNetworkError`` (`taken`) unless this is a VXLAN interface.
    func refuseUnlessTunnel(in podNamespace: NetworkNamespace) throws(PodNetworkError) {
        if vxlan != nil { return }
        throw PodNetworkError(
            .taken, "The interface \(name) in \(podNamespace)",
            "an interface of another kind\(kind.isEmpty ? "" : " (\(kind))") has that name already",
            "Remove it, or configure the program that made it to use another name.")
    }
}

extension NetlinkSocket {
    /// An interface that this process has made.
    package func made(_ name: String) throws(PodNetworkError) -> Link {
        if let link = try link(named: name) { return link }
        throw PodNetworkError(
            .refused, "The interface \(name) in \(place)", "it was removed after it was made", NetworkRemedy.retry)
    }
}
