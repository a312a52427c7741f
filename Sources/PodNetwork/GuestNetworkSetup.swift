internal import LinuxIO

/// Sets up and removes the VM's side of a pod's network. Blocks while the kernel works.
struct GuestNetworkSetup {
    /// The VM's own namespace, in which the outer packets are sent.
    let vm: NetworkNamespace
    /// The pod's namespace.
    let podNamespace: NetworkNamespace
    let faults: NetlinkFaults

    /// Sets up missing parts, keeps parts that match the plan, and removes parts that are not in the plan.
    ///
    /// If it fails, an interface that did not exist before does not exist afterwards.
    func setUp(_ plan: GuestNetworkPlan) throws(PodNetworkError) {
        try plan.check()
        let outer = try NetlinkSocket.open(in: vm, "the VM's namespace", faults: faults)
        let inner = try NetlinkSocket.open(in: podNamespace, "\(podNamespace)", faults: faults)
        let policies = try NetlinkSocket.open(in: vm, "the VM's namespace", to: .policies, faults: faults)
        var rollback = Rollback()
        do throws(PodNetworkError) {
            // The policies are set before an interface can receive packets.
            try admit(plan.inboundPolicies, policies, &rollback)
            let link = try makeInterface(plan, outer, inner, &rollback)
            let loopback = try inner.made("lo")
            if !loopback.isUp { try inner.bringUp(loopback) }
            // The prohibitions are set before the first packet can leave.
            try forbid(plan, link, inner, &rollback)
            try setOwnServices(plan.ownServices, loopback, inner, &rollback)
            if !link.isUp {
                try inner.disableLinkLocalAddress(link)
                try inner.bringUp(link)
            }
            try setAddresses(plan, link, inner)
            try setRoutes(plan, link, inner)
            try setNeighbors(plan, link, inner)
        } catch {
            throw rollback.run(after: error)
        }
    }

    /// Removes the interface, the prohibitions and the addresses of services. Succeeds when none exist.
    func remove(interface: String) throws(PodNetworkError) {
        let inner = try NetlinkSocket.open(in: podNamespace, "\(podNamespace)", faults: faults)
        if let link = try inner.link(named: interface), link.vxlan != nil { try inner.delete(link) }
        // The prohibitions are removed after the interface, so no forbidden packet can leave.
        for prefix in try inner.prohibitions() { try inner.permit(prefix) }
        guard let loopback = try inner.link(named: "lo") else { return }
        for prefix in try inner.ownServices(loopback) { try inner.remove(prefix, from: loopback) }
        let policies = try NetlinkSocket.open(in: vm, "the VM's namespace", to: .policies, faults: faults)
        for policy in try policies.inboundPolicies() { try policies.remove(policy) }
    }

    /// Makes the VM accept only the outer packets that `wanted` allows. A VM has one tunnel.
    private func admit(
        _ wanted: Set<InboundPolicy>, _ policies: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) {
        let there = try policies.inboundPolicies()
        // Policies that block come first.
        for policy in wanted.subtracting(there).sorted(by: { !$0.isAllowed && $1.isAllowed }) {
            rollback.add("the IPsec policy (\(policy))") { () throws(PodNetworkError) in try policies.remove(policy) }
            try policies.add(policy)
        }
        for policy in there.subtracting(wanted) { try policies.remove(policy) }
    }

    private func forbid(
        _ plan: GuestNetworkPlan, _ link: Link, _ inner: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) {
        let wanted = Set(plan.forbidden.map(\.network))
        let there = Set(try inner.prohibitions())
        // New prohibitions come first.
        for prefix in wanted.subtracting(there) {
            rollback.add("the prohibition of \(prefix)") { () throws(PodNetworkError) in try inner.permit(prefix) }
            try inner.prohibit(prefix)
        }
        let program = try inner.outgoingProgram(of: link)
        if let planned = plan.outgoingProgram, planned.bytes != program {
            if program == nil {
                rollback.add("the filter on \(link.name)") { () throws(PodNetworkError) in
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
        _ addresses: [NetAddress], _ loopback: Link, _ inner: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) {
        let wanted = Set(addresses.map(NetPrefix.init(only:)))
        let there = Set(try inner.ownServices(loopback))
        for prefix in wanted.subtracting(there) {
            rollback.add("the address \(prefix) of lo") { () throws(PodNetworkError) in
                try inner.remove(prefix, from: loopback)
            }
            try inner.add(prefix, to: loopback)
        }
        for prefix in there.subtracting(wanted) { try inner.remove(prefix, from: loopback) }
    }

    private func makeInterface(
        _ plan: GuestNetworkPlan, _ outer: NetlinkSocket, _ inner: NetlinkSocket, _ rollback: inout Rollback
    ) throws(PodNetworkError) -> Link {
        if let old = try inner.link(named: plan.interface) {
            if old.isEndpoint(of: plan.tunnel) {
                if old.mtu != plan.mtu { try inner.setMTU(plan.mtu, of: old) }
                if old.hardwareAddress != plan.hardwareAddress { try inner.setAddress(plan.hardwareAddress, of: old) }
                return old
            }
            try old.refuseUnlessTunnel(in: podNamespace)
            try inner.delete(old)
        }
        rollback.add(plan.interface) { () throws(PodNetworkError) in
            if let made = try inner.link(named: plan.interface), made.isEndpoint(of: plan.tunnel) {
                try inner.delete(made)
            }
        }
        try outer.createTunnel(
            plan.tunnel, named: plan.interface, address: plan.hardwareAddress, mtu: plan.mtu, in: podNamespace)
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
        // Routes through a gateway come first.
        for route in there.filter({ $0.gateway != nil }) + there.filter({ $0.gateway == nil }) {
            // Routes that routers announce to the pod stay.
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
    /// The addresses of the VM's own services on the loopback interface.
    func ownServices(_ loopback: Link) throws(PodNetworkError) -> [NetPrefix] {
        try addresses(of: loopback).filter { !$0.address.isLoopback && $0 == NetPrefix(only: $0.address) }
    }
}
