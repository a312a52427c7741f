internal import JSON
internal import Telemetry

extension FakeVirtualMachine {
    var record: JSONValue {
        var record = id.record
        record["vm-id"] = .string(vmID)
        record["token"] = .string(metadataToken)
        record["sent"] = sent
        record["state"] = .string(state.text)
        if case .failed(let fault) = state { record["failure"] = fault.body }
        record["etag"] = .integer(Int64(etag))
        record["made"] = .integer(made.millisecondsSinceEpoch)
        record["since"] = .integer(since.millisecondsSinceEpoch)
        record["by"] = origin.record
        record["operation"] = .string(operation)
        switch outcome {
        case .success: record["outcome"] = "success"
        case .nothing: record["outcome"] = "nothing"
        case .noAddress: record["outcome"] = "no-address"
        case .failure(let fault):
            record["outcome"] = "failure"
            record["outcome-failure"] = fault.body
        }
        record["guest-fault"] = .string(guestFault.rawValue)
        record["guest-life"] = .integer(guestLife.milliseconds)
        record["placed"] = .bool(isPlaced)
        record["disk"] = FakeResourceID.reference(disk)
        record["has-disk"] = .bool(hasDisk)
        record["interfaces"] = .array(interfaces.map { FakeResourceID.reference($0) })
        return .object(record)
    }

    /// A VM as it was kept, and its operation, which continues if it has not ended.
    static func restored(_ node: JSONNode, region: String) throws -> (FakeVirtualMachine, LongRunningOperation) {
        let id = try FakeResourceID(record: node, .machine)
        guard let sent = try node.optionalValue("sent"), let disk = try FakeResourceID.reference(node, "disk") else {
            throw JSONError(path: "sent", "expected the body of a PUT, found nothing")
        }
        var machine = FakeVirtualMachine(
            id: id, vmID: try node.string("vm-id"), metadataToken: try node.string("token"), sent: sent,
            body: try MachineBody(parsing: sent, region: region), made: try node.time("made"),
            since: try node.time("since"), origin: try RequestOrigin(record: node),
            operation: try node.string("operation"), disk: disk)
        machine.etag = Int(try node.integer("etag"))
        let failure = try node.optionalValue("failure").map { FakeARMFault(parsing: $0) }
        switch try node.string("state") {
        case "Creating": machine.state = .creating
        case "Updating": machine.state = .updating
        case "Deleting": machine.state = .deleting
        case "Failed": machine.state = .failed(failure ?? FakeARMFault(200, "InternalExecutionError", "unknown"))
        default: machine.state = .succeeded
        }
        switch try node.string("outcome") {
        case "nothing": machine.outcome = .nothing
        case "no-address": machine.outcome = .noAddress
        case "failure":
            machine.outcome =
                try node.optionalValue("outcome-failure").map { .failure(FakeARMFault(parsing: $0)) } ?? .success
        default: machine.outcome = .success
        }
        machine.guestFault = GuestFault(rawValue: try node.string("guest-fault")) ?? .none
        machine.guestLife = .milliseconds(try node.integer("guest-life"))
        machine.isPlaced = try node.bool("placed")
        machine.hasDisk = try node.bool("has-disk")
        for reference in try node.objects("interfaces") {
            machine.interfaces.append(try FakeResourceID.reference(reference))
        }
        var operation = LongRunningOperation(
            id: machine.operation, style: .compute, target: id, isDeletion: machine.state == .deleting,
            started: machine.since)
        switch machine.state {
        case .creating, .updating, .deleting: break
        case .succeeded: (operation.status, operation.ended) = (.succeeded, machine.since)
        case .failed(let fault): (operation.status, operation.ended) = (.failed(fault), machine.since)
        }
        return (machine, operation)
    }
}
