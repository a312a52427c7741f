internal import JSON

extension Admission {
    /// Checks subnets, security groups and existing interfaces.
    func checkNetwork(_ id: FakeResourceID, _ body: MachineBody) throws(FakeARMFault) {
        for plan in body.interfaces {
            let interface = FakeResourceID(.interface, group: id.group, name: plan.name)
            let owner = interface.path(in: state.subscription)
            if let machine = state.interfaces[interface]?.machine { throw inUse(owner, by: machine) }
            if let group = plan.securityGroup { try checkReference(group, from: owner) }
            if plan.hasAcceleration, body.size.technology != nil {
                throw FakeARMFault(
                    400, "VMSizeIsNotPermittedToEnableAcceleratedNetworking",
                    "VM size \(body.size.name) does not support accelerated networking.", target: owner)
            }
            for configuration in plan.configurations {
                try checkReference(configuration.subnet, from: owner)
                try checkRight("Microsoft.Network/virtualNetworks/subnets/join/action", to: configuration.subnet, id)
                if let address = configuration.publicAddress, !body.zones.isEmpty, !address.isStandard {
                    throw FakeARMFault(
                        400, "ResourceAndPublicIPZonesConstraintsMismatch",
                        "Virtual machine \(id.name) has a zone constraint \(body.zones[0]) but the PublicIPAddress "
                            + "\(address.name) associated to it has a different zone constraint Regional.")
                }
            }
            guard fixtures.freeAddresses >= plan.configurations.count else {
                throw FakeARMFault(
                    400, "SubnetIsFull",
                    "Subnet \(Fixtures.subnet) with address prefix \(scenario.subnet.prefix) does not have enough "
                        + "capacity for \(plan.configurations.count) IP addresses.")
            }
        }
        for reference in body.references {
            guard let interface = FakeResourceID(path: reference.path).flatMap({ state.interfaces[$0] }) else {
                throw missing(reference.path, from: id.path(in: state.subscription))
            }
            if let owner = interface.machine, owner != id {
                throw inUse(reference.path, by: owner)
            }
        }
    }

    private func inUse(_ interface: String, by machine: FakeResourceID) -> FakeARMFault {
        FakeARMFault(
            400, "NicInUse",
            "Network Interface \(interface) is used by existing resource \(machine.path(in: state.subscription)).")
    }

    private func checkReference(_ path: String, from owner: String) throws(FakeARMFault) {
        guard !fixtures.isReferable(path) else { return }
        throw missing(path, from: owner)
    }

    /// The creation of a VM needs rights on the resources to which it refers.
    private func checkRight(_ action: String, to path: String, _ id: FakeResourceID) throws(FakeARMFault) {
        guard !scenario.permissions.contains(where: { Glob.matches($0, action) }) else { return }
        throw FakeARMFault(
            403, "LinkedAuthorizationFailed",
            "The client has permission to perform action 'Microsoft.Compute/virtualMachines/write' on scope "
                + "'\(id.path(in: state.subscription))', however, it does not have permission to perform action(s) "
                + "'\(action)' on the linked scope(s) '\(path)' (respectively) or the linked scope(s) are invalid.")
    }

    private func missing(_ path: String, from owner: String) -> FakeARMFault {
        FakeARMFault(
            400, "InvalidResourceReference",
            "Resource \(path) referenced by resource \(owner) was not found. Please make sure that the referenced "
                + "resource exists, and that both resources are in the same region.")
    }
}
