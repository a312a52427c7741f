internal import Telemetry

extension AzureState {
    /// Marks a VM for deletion; its operation in progress is cancelled.
    ///
    /// - Returns: the operation of the first deletion; nil if there is no such VM.
    mutating func beginDeletion(_ id: FakeResourceID, from origin: RequestOrigin, at now: WallTime)
        -> LongRunningOperation?
    {
        guard let machine = machines[id] else { return nil }
        if machine.state == .deleting, let running = operations[machine.operation] { return running }
        operations.end(machine.operation, .canceled, at: now)
        let operation = LongRunningOperation(
            id: RandomID.guid(), style: .compute, target: id, isDeletion: true, started: now)
        operations.add(operation)
        machines.change(id) {
            $0.state = .deleting
            $0.operation = operation.id
            $0.etag += 1
            $0.since = now
            $0.origin = origin
        }
        note(id)
        return operation
    }

    /// Removes a VM and those of its parts that have `deleteOption: Delete`; the other parts stay, unattached.
    ///
    /// - Parameters:
    ///   - id: the VM.
    ///   - lingers: whether the parts to delete stay until ``sweep(_:)``.
    ///   - now: the end of its operation.
    /// - Returns: the parts to sweep.
    @discardableResult
    mutating func finishDeletion(_ id: FakeResourceID, lingers: Bool = false, at now: WallTime) -> [FakeResourceID] {
        guard let machine = machines[id] else { return [] }
        var left: [FakeResourceID] = []
        remove(machine: id)
        let own = machine.hasDisk ? [machine.disk] : []
        for disk in own + machine.body.attachments.compactMap({ FakeResourceID(path: $0.disk) }) {
            if release(disk: disk, of: id, lingers: lingers) { left.append(disk) }
        }
        for interface in machine.interfaces + machine.body.references.compactMap({ FakeResourceID(path: $0.path) }) {
            if release(interface: interface, of: id, lingers: lingers) { left.append(interface) }
        }
        operations.end(machine.operation, .succeeded, at: now)
        return left
    }

    /// Removes parts of deleted VMs, except those that another VM uses now.
    mutating func sweep(_ left: [FakeResourceID]) {
        for id in left {
            if let disk = disks[id], disk.machine == nil, disk.goesWithMachine {
                disks[id] = nil
                note(id)
            }
            if let interface = interfaces[id], interface.machine == nil, interface.goesWithMachine {
                remove(interface: id)
            }
        }
    }

    /// The parts that an earlier process did not sweep.
    var unswept: [FakeResourceID] {
        disks.all.filter { $0.machine == nil && $0.goesWithMachine }.map(\.id)
            + interfaces.all.filter { $0.machine == nil && $0.goesWithMachine }.map(\.id)
    }

    /// Ends the creation of a VM with success, and removes the VM.
    mutating func vanish(_ id: FakeResourceID, _ vmID: String, at now: WallTime) {
        guard isCurrent(id, vmID) else { return }
        finishDeletion(id, at: now)
    }

    /// Ends the deletion of a VM with an error.
    mutating func failDeletion(_ id: FakeResourceID, _ fault: FakeARMFault, at now: WallTime) {
        guard let machine = machines[id] else { return }
        operations.end(machine.operation, .failed(fault), at: now)
        machines.change(id) {
            $0.state = .failed(fault)
            $0.etag += 1
            $0.since = now
        }
        note(id)
    }

    /// Whether it stays and has to be swept.
    private mutating func release(disk: FakeResourceID, of machine: FakeResourceID, lingers: Bool) -> Bool {
        guard let present = disks[disk], present.machine == machine else { return false }
        note(disk)
        if present.goesWithMachine, !lingers {
            disks[disk] = nil
            return false
        }
        disks.change(disk) { $0.machine = nil }
        return present.goesWithMachine
    }

    /// Whether it stays and has to be swept.
    private mutating func release(interface: FakeResourceID, of machine: FakeResourceID, lingers: Bool) -> Bool {
        guard let present = interfaces[interface], present.machine == machine else { return false }
        note(interface)
        if present.goesWithMachine, !lingers {
            remove(interface: interface)
            return false
        }
        interfaces.change(interface) {
            $0.machine = nil
            $0.etag = RandomID.guid()
        }
        return present.goesWithMachine
    }

    /// Removes an interface, and those of its public addresses that have `deleteOption: Delete`.
    mutating func remove(interface id: FakeResourceID) {
        guard let interface = interfaces[id] else { return }
        interfaces[id] = nil
        note(id)
        for address in interface.addresses.compactMap(\.publicAddress) {
            guard let present = publicAddresses[address], present.interface == id else { continue }
            note(address)
            if present.goesWithInterface {
                publicAddresses[address] = nil
            } else {
                publicAddresses.change(address) { $0.interface = nil }
            }
        }
    }

    /// Removes an interface, a public address or a disk.
    ///
    /// - Returns: the operation; nil if there is no such resource.
    ///
    /// - Throws: ARM's refusal if the resource is in use.
    mutating func delete(_ id: FakeResourceID, at now: WallTime) throws(FakeARMFault) -> LongRunningOperation? {
        switch id.kind {
        case .machine: return nil
        case .interface:
            guard let interface = interfaces[id] else { return nil }
            if let machine = interface.machine {
                throw FakeARMFault(
                    400, "NicInUse",
                    "Network Interface \(id.path(in: subscription)) is used by existing resource "
                        + "\(machine.path(in: subscription)). In order to delete the network interface, it must be "
                        + "dissociated from the resource. To learn more, see aka.ms/deletenic.")
            }
            remove(interface: id)
        case .publicAddress:
            guard let address = publicAddresses[id] else { return nil }
            if let interface = address.interface {
                throw FakeARMFault(
                    400, "PublicIPAddressCannotBeDeleted",
                    "Public IP address \(id.path(in: subscription)) can not be deleted since it is still allocated to "
                        + "resource \(interface.path(in: subscription))/ipConfigurations/\(address.configuration). "
                        + "In order to delete the public IP, disassociate/detach the Public IP address from the "
                        + "resource. To learn how to do this, see aka.ms/deletepublicip.")
            }
            publicAddresses[id] = nil
        case .disk:
            guard let disk = disks[id] else { return nil }
            if let machine = disk.machine {
                throw FakeARMFault(
                    409, "OperationNotAllowed",
                    "Disk \(id.name) is attached to VM \(machine.path(in: subscription)).")
            }
            disks[id] = nil
        }
        note(id)
        let style: LongRunningOperation.Style = id.kind == .disk ? .disk : .network
        var operation = LongRunningOperation(
            id: RandomID.guid(), style: style, target: id, isDeletion: true, started: now)
        operation.status = .succeeded
        operation.ended = now
        operations.add(operation)
        return operation
    }
}
