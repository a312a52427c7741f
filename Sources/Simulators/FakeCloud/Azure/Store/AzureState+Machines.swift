internal import JSON
internal import Telemetry

extension AzureState {
    /// Adds a VM that is to be created; see ``makeParts(_:_:suffixesInterfaces:at:)`` for its disk and interfaces.
    mutating func accept(
        _ id: FakeResourceID, _ body: MachineBody, sent: JSONValue, from origin: RequestOrigin,
        outcome: ProvisioningOutcome,
        isPlaced: Bool, at now: WallTime
    ) -> FakeVirtualMachine {
        let vmID = RandomID.guid()
        let disk = FakeResourceID(
            .disk, group: id.group, name: body.osDisk ?? "\(id.name)_OsDisk_1_\(RandomID.token().prefix(32))")
        var machine = FakeVirtualMachine(
            id: id, vmID: vmID, metadataToken: RandomID.token(), sent: sent, body: body, made: now, since: now,
            origin: origin, operation: RandomID.guid(), disk: disk)
        machine.outcome = outcome
        machine.isPlaced = isPlaced
        insert(machine)
        operations.add(
            LongRunningOperation(id: machine.operation, style: .compute, target: id, isDeletion: false, started: now))
        for attachment in body.attachments {
            guard let disk = FakeResourceID(path: attachment.disk) else { continue }
            disks.change(disk) {
                $0.machine = id
                $0.goesWithMachine = attachment.goesWithMachine
            }
            note(disk)
        }
        for reference in body.references {
            guard let interface = FakeResourceID(path: reference.path) else { continue }
            interfaces.change(interface) {
                $0.machine = id
                $0.goesWithMachine = reference.goesWithMachine
                $0.etag = RandomID.guid()
            }
            note(interface)
        }
        return machine
    }

    /// Creates a VM's disk and interfaces if they do not exist. They stay if the creation of the VM fails later.
    mutating func makeParts(_ id: FakeResourceID, _ vmID: String, suffixesInterfaces: Bool, at now: WallTime) {
        guard let machine = machines[id], isCurrent(id, vmID) else { return }
        if !machine.hasDisk { addDisk(machine, at: now) }
        guard machine.interfaces.isEmpty else { return }
        var made = machine.body.references.compactMap { FakeResourceID(path: $0.path) }
        for plan in machine.body.interfaces {
            let suffix = suffixesInterfaces ? "-\(RandomID.guid().prefix(8))" : ""
            let interface = FakeResourceID(.interface, group: id.group, name: plan.name + suffix)
            addInterface(interface, plan, of: machine, at: now)
            made.append(interface)
        }
        change(id, vmID) {
            $0.hasDisk = true
            $0.interfaces = made
        }
    }

    private mutating func addDisk(_ machine: FakeVirtualMachine, at now: WallTime) {
        disks[machine.disk] = ManagedDisk(
            id: machine.disk, guid: RandomID.guid(), sizeGB: machine.body.diskSizeGB,
            storageType: machine.body.storageType, zones: machine.body.zones,
            securityType: machine.body.encryption.flatMap(AzureState.diskSecurity), image: machine.body.image,
            machine: machine.id, goesWithMachine: machine.body.osDiskGoesWithMachine, made: now,
            origin: machine.origin, tags: machine.body.tags)
        note(machine.disk)
    }

    private static func diskSecurity(_ encryption: String) -> String? {
        switch encryption {
        case "VMGuestStateOnly": "ConfidentialVM_VMGuestStateOnlyEncryptedWithPlatformKey"
        case "DiskWithVMGuestState": "ConfidentialVM_DiskEncryptedWithPlatformKey"
        case "NonPersistedTPM": "ConfidentialVM_NonPersistedTPM"
        default: nil
        }
    }

    private mutating func addInterface(
        _ id: FakeResourceID, _ plan: MachineBody.InterfacePlan, of machine: FakeVirtualMachine, at now: WallTime
    ) {
        var addresses: [FakeNetworkInterface.Address] = []
        for configuration in plan.configurations {
            let publicAddress = configuration.publicAddress.map {
                addPublicAddress($0, interface: id, configuration.name, of: machine, at: now)
            }
            addresses.append(
                FakeNetworkInterface.Address(
                    name: configuration.name, isPrimary: configuration.isPrimary, subnet: configuration.subnet,
                    address: "", publicAddress: publicAddress))
        }
        let digits = RandomID.token().uppercased()
        let hardware = [digits.prefix(2), digits.dropFirst(2).prefix(2), digits.dropFirst(4).prefix(2)]
        interfaces[id] = FakeNetworkInterface(
            id: id, guid: RandomID.guid(), hardwareAddress: "00-0D-3A-" + hardware.joined(separator: "-"),
            isPrimary: plan.isPrimary, goesWithMachine: plan.goesWithMachine, securityGroup: plan.securityGroup,
            hasAcceleration: plan.hasAcceleration, addresses: addresses, machine: machine.id, etag: RandomID.guid(),
            made: now, origin: machine.origin, tags: machine.body.tags)
        note(id)
    }

    private mutating func addPublicAddress(
        _ plan: MachineBody.PublicPlan, interface: FakeResourceID, _ configuration: String,
        of machine: FakeVirtualMachine,
        at now: WallTime
    ) -> FakeResourceID {
        let id = FakeResourceID(.publicAddress, group: machine.id.group, name: plan.name)
        publicAddresses[id] = PublicAddress(
            id: id, guid: RandomID.guid(), isStandard: plan.isStandard, isStatic: plan.isStatic,
            goesWithInterface: plan.goesWithInterface, address: "", zones: machine.body.zones, interface: interface,
            configuration: configuration, etag: RandomID.guid(), made: now, origin: machine.origin,
            tags: machine.body.tags)
        note(id)
        return id
    }

    /// Sets the address of a VM's interfaces; a machine here has one address.
    mutating func assign(_ address: String, to id: FakeResourceID, _ vmID: String) {
        guard let machine = machines[id], isCurrent(id, vmID) else { return }
        for interface in machine.interfaces {
            interfaces.change(interface) { interface in
                for index in interface.addresses.indices { interface.addresses[index].address = address }
                interface.etag = RandomID.guid()
            }
            note(interface)
            for publicAddress in interfaces[interface]?.addresses.compactMap(\.publicAddress) ?? [] {
                publicAddresses.change(publicAddress) {
                    $0.address = address
                    $0.etag = RandomID.guid()
                }
                note(publicAddress)
            }
        }
    }

    /// Ends the creation of a VM, or a change to it.
    mutating func settle(_ id: FakeResourceID, _ vmID: String, _ fault: FakeARMFault?, at now: WallTime) {
        guard let machine = machines[id], isCurrent(id, vmID) else { return }
        operations.end(machine.operation, fault.map { .failed($0) } ?? .succeeded, at: now)
        change(id, vmID) {
            $0.state = fault.map { .failed($0) } ?? .succeeded
            $0.etag += 1
            $0.since = now
        }
    }
}
