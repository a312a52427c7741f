internal import LinuxIO

/// Makes the VM's end as a plan says, and takes it away. Blocks while the kernel works.
struct GuestNetworkSetup {
    /// The VM's own namespace, which the outer packets leave from.
    let vm: NetworkNamespace
    /// The pod's.
    let home: NetworkNamespace
    let gate: NetlinkGate

    /// Makes the end, or what is missing of it; what is as planned is not touched, what is not planned goes.
    ///
    /// If it fails, and the interface was not there before, it is not there afterwards.
    func setUp(_ plan: GuestNetworkPlan) throws(PodNetworkError) {
        try plan.check()
        let outer = try NetlinkSocket.open(in: vm, "the VM's namespace", gate: gate)
        let inner = try NetlinkSocket.open(in: home, "\(home)", gate: gate)
        let policies = try NetlinkSocket.open(in: vm, "the VM's namespace", to: .policies, gate: gate)
        var undo = Undo()
        do throws(PodNetworkError) {
            // Before there is an interface that takes what comes in.
            try admit(plan.inboundPolicies, policies, &undo)
            let link = try makeInterface(plan, outer, inner, &undo)
            let loopback = try inner.made("lo")
            if !loopback.isUp { try inner.bringUp(loopback) }
            // Before the first packet can leave.
            try forbid(plan, link, inner, &undo)
            try setOwnServices(plan.ownServices, loopback, inner, &undo)
            if !link.isUp {
                try inner.withoutOwnAddresses(link)
                try inner.bringUp(link)
            }
            try setAddresses(plan, link, inner)
            try setRoutes(plan, link, inner)
            try setNeighbors(plan, link, inner)
        } catch {
            throw undo.all(after: error)
        }
    }

    /// Removes the interface, and what was forbidden and served beside it; its being gone is fine.
    func tearDown(interface: String) throws(PodNetworkError) {
        let inner = try NetlinkSocket.open(in: home, "\(home)", gate: gate)
        if let link = try inner.link(named: interface), link.vxlan != nil { try inner.delete(link) }
        // Now that nothing could get out.
        for prefix in try inner.prohibitions() { try inner.permit(prefix) }
        guard let loopback = try inner.link(named: "lo") else { return }
        for prefix in try inner.ownServices(loopback) { try inner.remove(prefix, from: loopback) }
        let policies = try NetlinkSocket.open(in: vm, "the VM's namespace", to: .policies, gate: gate)
        for policy in try policies.inboundPolicies() { try policies.remove(policy) }
    }

    /// Has the VM take outer packets only as `wanted` says; a VM has one tunnel.
    private func admit(
        _ wanted: Set<InboundPolicy>, _ policies: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) {
        let there = try policies.inboundPolicies()
        // What blocks comes first.
        for policy in wanted.subtracting(there).sorted(by: { !$0.isAllowed && $1.isAllowed }) {
            undo.note("the IPsec policy (\(policy))") { () throws(PodNetworkError) in try policies.remove(policy) }
            try policies.add(policy)
        }
        for policy in there.subtracting(wanted) { try policies.remove(policy) }
    }

    private func forbid(
        _ plan: GuestNetworkPlan, _ link: Link, _ inner: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) {
        let wanted = Set(plan.forbidden.map(\.network))
        let there = Set(try inner.prohibitions())
        // Those that are new first.
        for prefix in wanted.subtracting(there) {
            undo.note("the prohibition of \(prefix)") { () throws(PodNetworkError) in try inner.permit(prefix) }
            try inner.prohibit(prefix)
        }
        let program = try inner.outgoingProgram(of: link)
        if let planned = plan.outgoingProgram, planned.bytes != program {
            if program == nil {
                undo.note("the filter on \(link.name)") { () throws(PodNetworkError) in
                    try inner.removeOutgoingProgram(from: link)
                }
            }
            try inner.setOutgoingProgram(planned, of: link)
        } else if plan.outgoingProgram == nil {
            try inner.removeOutgoingProgram(from: link)
        }
        for prefix in there.subtracting(wanted) { try inner.permit(prefix) }
    }

    private func setOwnServices(
        _ addresses: [NetAddress], _ loopback: Link, _ inner: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) {
        let wanted = Set(addresses.map(NetPrefix.init(only:)))
        let there = Set(try inner.ownServices(loopback))
        for prefix in wanted.subtracting(there) {
            undo.note("the address \(prefix) of lo") { () throws(PodNetworkError) in
                try inner.remove(prefix, from: loopback)
            }
            try inner.add(prefix, to: loopback)
        }
        for prefix in there.subtracting(wanted) { try inner.remove(prefix, from: loopback) }
    }

    private func makeInterface(
        _ plan: GuestNetworkPlan, _ outer: NetlinkSocket, _ inner: NetlinkSocket, _ undo: inout Undo
    ) throws(PodNetworkError) -> Link {
        if let old = try inner.link(named: plan.interface) {
            if old.isEnd(of: plan.tunnel) {
                if old.mtu != plan.mtu { try inner.setMTU(plan.mtu, of: old) }
                if old.hardwareAddress != plan.hardwareAddress { try inner.setAddress(plan.hardwareAddress, of: old) }
                return old
            }
            try old.refuseUnlessTunnel(in: home)
            try inner.delete(old)
        }
        undo.note(plan.interface) { () throws(PodNetworkError) in
            if let made = try inner.link(named: plan.interface), made.isEnd(of: plan.tunnel) { try inner.delete(made) }
        }
        try outer.createTunnel(
            plan.tunnel, named: plan.interface, address: plan.hardwareAddress, mtu: plan.mtu, in: home)
        return try inner.made(plan.interface)
    }

    private func setAddresses(_ plan: GuestNetworkPlan, _ link: Link, _ inner: NetlinkSocket) throws(PodNetworkError) {
        let there = try inner.addresses(of: link)
        for prefix in there where !plan.addresses.contains(prefix) { try inner.remove(prefix, from: link) }
        for prefix in plan.addresses where !there.contains(prefix) { try inner.add(prefix, to: link) }
    }

    private func setRoutes(_ plan: GuestNetworkPlan, _ link: Link, _ inner: NetlinkSocket) throws(PodNetworkError) {
        let wanted = plan.orderedRoutes
        let there = try inner.routes().filter { $0.interface == link.index }.map(\.route)
        // Those that lead through others first.
        for route in there.filter({ $0.gateway != nil }) + there.filter({ $0.gateway == nil }) {
            // What routers announce to the pod itself is not for us to judge.
            if wanted.contains(route) || route.origin == .routerAdvertisement { continue }
            try inner.remove(route, over: link)
        }
        var done = Set(there.filter(wanted.contains).map(\.key))
        for route in wanted where done.insert(route.key).inserted { try inner.add(route, over: link) }
    }

    private func setNeighbors(_ plan: GuestNetworkPlan, _ link: Link, _ inner: NetlinkSocket) throws(PodNetworkError) {
        let there = try inner.permanentNeighbors(on: link).filter { !$0.address.isMulticast }
        for neighbor in there where !plan.neighbors.contains(where: { $0.address == neighbor.address }) {
            try inner.remove(neighbor, on: link)
        }
        for neighbor in plan.neighbors where !there.contains(neighbor) { try inner.add(neighbor, on: link) }
    }
}

extension NetlinkSocket {
    /// The addresses of single services on the loopback interface.
    func ownServices(_ loopback: Link) throws(PodNetworkError) -> [NetPrefix] {
        try addresses(of: loopback).filter { !$0.address.isLoopback && $0 == NetPrefix(only: $0.address) }
    }
}
