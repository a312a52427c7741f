internal import LinuxIO

/// Makes the node's end as a plan says, and takes it away. Blocks while the kernel works.
struct NodeNetworkSetup {
    /// The node's own namespace, which the outer packets leave from.
    let node: NetworkNamespace
    /// The pod's.
    let home: NetworkNamespace
    let gate: NetlinkGate

    private static let tunnel = NodeNetworkPlan.tunnelInterface

    /// Makes the end, or what is missing of it; what is as planned is not touched.
    ///
    /// If it fails, what this run has made is gone again.
    func setUp(_ plan: NodeNetworkPlan) throws(PodNetworkError) {
        try plan.check()
        let outer = try NetlinkSocket.open(in: node, "the node's namespace", gate: gate)
        let inner = try NetlinkSocket.open(in: home, "\(home)", gate: gate)
        guard let pod = try inner.link(named: plan.podInterface) else {
            throw PodNetworkError(
                .noPrimaryInterface, "The interface \(plan.podInterface) in \(home)", "it is not there",
                "The CNI makes it; if it has removed it, the pod is to be made anew.")
        }
        var undo = Undo()
        do throws(PodNetworkError) {
            // Before anything is made: what is not ours stays.
            let rule = try inner.incomingRule(of: pod)
            try Self.refuseForeign(rule, on: pod)
            let tunnel = try makeTunnel(plan, outer, inner, &undo)
            if try !inner.permanentEntries(of: tunnel).contains(plan.forwardingEntry) {
                try inner.add(plan.forwardingEntry, to: tunnel)
            }
            try admit(plan.sourceCheck, from: tunnel, to: pod, inner, &undo)
            if !tunnel.isUp {
                try inner.withoutOwnAddresses(tunnel)
                try inner.bringUp(tunnel)
            }
            // Last: from here on the pod's address is the VM's.
            try redirect(from: pod, to: tunnel, rule, inner, &undo)
        } catch {
            throw undo.all(after: error)
        }
    }

    /// Removes what is ours; nothing being there is fine.
    ///
    /// `identifier` nil removes the end of whatever tunnel it is.
    func tearDown(podInterface: String, identifier: UInt32?) throws(PodNetworkError) {
        let inner = try NetlinkSocket.open(in: home, "\(home)", gate: gate)
        let tunnel = try inner.link(named: Self.tunnel)
        if let vxlan = tunnel?.vxlan, let identifier, vxlan.identifier != identifier { return }
        // The interface first: until the rule goes too, packets for the pod get no answer, least of all a wrong one from
        // the pod's own network stack on the node.
        if let tunnel, tunnel.vxlan != nil { try inner.delete(tunnel) }
        guard let pod = try inner.link(named: podInterface) else { return }
        if case .redirect = try inner.incomingRule(of: pod) { try inner.removeIngress(from: pod) }
    }

    private func makeTunnel(
        _ plan: NodeNetworkPlan, _ outer: NetlinkSocket, _ inner: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) -> Link {
        if let old = try inner.link(named: Self.tunnel) {
            if old.isEnd(of: plan.tunnel), old.vxlan?.learningLimit == NodeNetworkPlan.forwardingLimit {
                if old.mtu != plan.mtu { try inner.setMTU(plan.mtu, of: old) }
                return old
            }
            try old.refuseUnlessTunnel(in: home)
            try inner.delete(old)
        }
        undo.note(Self.tunnel) { () throws(PodNetworkError) in
            if let made = try inner.link(named: Self.tunnel), made.isEnd(of: plan.tunnel) { try inner.delete(made) }
        }
        try outer.createTunnel(
            plan.tunnel, named: Self.tunnel, address: nil, mtu: plan.mtu,
            learningLimit: NodeNetworkPlan.forwardingLimit,
            in: home)
        return try inner.made(Self.tunnel)
    }

    /// Lets only what `check` takes pass from the tunnel to the pod's interface.
    private func admit(
        _ check: FrameProgram, from tunnel: Link, to pod: Link, _ inner: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) {
        let rule = try inner.incomingRule(of: tunnel)
        if rule == .guarded(by: check.bytes, to: pod.index) { return }
        try prepareIngress(of: tunnel, rule, inner, &undo)
        try inner.addGuard(check, from: tunnel, to: pod)
    }

    private func redirect(
        from link: Link, to target: Link, _ rule: IncomingRule, _ inner: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) {
        if rule == .redirect(to: target.index) { return }
        try prepareIngress(of: link, rule, inner, &undo)
        try inner.addRedirect(from: link, to: target)
    }

    private func prepareIngress(
        of link: Link, _ rule: IncomingRule, _ inner: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) {
        try Self.refuseForeign(rule, on: link)
        // A rule that a crash, or an interface that is gone, has left half.
        if rule != .none { try inner.removeIngress(from: link) }
        undo.note("the rules on \(link.name)") { () throws(PodNetworkError) in try inner.removeIngress(from: link) }
        try inner.addIngress(to: link)
    }

    private static func refuseForeign(_ rule: IncomingRule, on link: Link) throws(PodNetworkError) {
        guard case .foreign(let kind) = rule else { return }
        throw PodNetworkError(
            .taken, "The interface \(link.name)", "somebody else has rules for its incoming packets (\(kind))",
            "Look at them ('tc filter show dev \(link.name) ingress' in the pod's namespace), and have who made them not do so."
        )
    }
}

extension Link {
    /// - Throws: ``PodNetworkError`` (`taken`) if it is anything but the end of a tunnel.
    func refuseUnlessTunnel(in home: NetworkNamespace) throws(PodNetworkError) {
        if vxlan != nil { return }
        throw PodNetworkError(
            .taken, "The interface \(name) in \(home)",
            "it is there already, and no end of a tunnel but \(kind.isEmpty ? "of another kind" : kind)",
            "Remove it, or have who made it give it another name.")
    }
}

extension NetlinkSocket {
    /// An interface that was just made.
    package func made(_ name: String) throws(PodNetworkError) -> Link {
        if let link = try link(named: name) { return link }
        throw PodNetworkError(.refused, "The interface \(name) in \(place)", "it is gone again", "Try again.")
    }
}
