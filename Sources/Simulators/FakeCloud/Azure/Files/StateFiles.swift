internal import JSON
internal import LinuxIO
internal import Telemetry

/// ARM's knowledge on disk: a file for each resource, `<kind>.<group>.<name>.json`, replaced whole at each change.
///
/// They are no more durable than the machines, which a power cut ends: nothing is synced. They hold user data.
struct StateFiles: Sendable {
    private let directory: String

    /// Of a directory that is made if need be, and in which is nothing else.
    init(_ directory: String) throws(SystemCallError) {
        self.directory = directory
        try Files.makeDirectories(directory)
    }

    /// Writes what is known of a resource now; nothing: no file.
    func keep(_ id: FakeResourceID, _ state: AzureState, _ logger: Logger) {
        let path = "\(directory)/\(StateFiles.name(of: id))"
        let record: JSONValue? =
            switch id.kind {
            case .machine: state.machines[id].map(\.record)
            case .interface: state.interfaces[id].map(\.record)
            case .publicAddress: state.publicAddresses[id].map(\.record)
            case .disk: state.disks[id].map(\.record)
            }
        do {
            guard let record else { return try Files.removeTree(path) }
            let partial = "\(path).new"
            try Files.removeTree(partial)
            try Files.write(record.encoded(), to: partial, at: 0)
            try Files.move(partial, to: path)
        } catch {
            logger.warning("a resource cannot be kept: a restart will not know it", [LogField("error", error)])
        }
    }

    /// Reads back what an earlier process has kept.
    ///
    /// - Throws: what names the file that cannot be read.
    func restore(_ state: inout AzureState) throws {
        for name in try Files.list(directory).sorted() {
            let path = "\(directory)/\(name)"
            if name == StateFiles.ports { continue }
            guard name.hasSuffix(".json") else {
                try Files.removeTree(path)  // Half of a file whose writer died.
                continue
            }
            let bytes = try DurableFile.read(path, limit: 4 << 20)
            do {
                try StateFiles.restore(JSONNode(JSONValue(parsing: bytes, limits: JSONLimits(size: 4 << 20))), &state)
            } catch {
                throw StateFileError(description: "\(path) is no resource of a fake Azure: \(error); remove it")
            }
        }
        _ = state.takeChanges()
    }

    /// The name of the file that has the ports of the last time.
    private static let ports = "ports"

    /// The ports of the last time, in the order in which they were kept; empty: there was none.
    var lastPorts: [UInt16] {
        let text = (try? DurableFile.read("\(directory)/\(StateFiles.ports)", limit: 64)) ?? []
        return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { UInt16($0) }
    }

    /// Keeps the ports for the next time: guests that boot, and clients that wait for an operation, know them.
    func keep(ports: [UInt16]) throws(SystemCallError) {
        try Files.removeTree("\(directory)/\(StateFiles.ports)")
        try Files.write(
            ports.map(String.init).joined(separator: " ").utf8, to: "\(directory)/\(StateFiles.ports)", at: 0)
    }

    /// Keeps them no longer.
    func forgetPorts() { try? Files.removeTree("\(directory)/\(StateFiles.ports)") }

    private static func restore(_ node: JSONNode, _ state: inout AzureState) throws {
        guard let kind = FakeResourceKind(rawValue: try node.string("kind")) else {
            throw JSONError(path: "kind", "is unknown")
        }
        switch kind {
        case .machine:
            let (machine, operation) = try FakeVirtualMachine.restored(node, region: state.region)
            state.insert(machine)
            state.operations.add(operation)
        case .interface:
            let interface = try FakeNetworkInterface(record: node)
            state.interfaces[interface.id] = interface
        case .publicAddress:
            let address = try PublicAddress(record: node)
            state.publicAddresses[address.id] = address
        case .disk:
            let disk = try ManagedDisk(record: node)
            state.disks[disk.id] = disk
        }
    }

    /// A file name, whatever the resource's has in it.
    private static func name(of id: FakeResourceID) -> String {
        func plain(_ text: String) -> String {
            text.lowercased().utf8.map { byte in
                ResourceName.isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                    ? String(UnicodeScalar(byte)) : "%" + RandomID.hexadecimal([byte])
            }.joined()
        }
        return "\(id.kind.rawValue).\(plain(id.group)).\(plain(id.name)).json"
    }
}

/// A file of the state that cannot be understood.
struct StateFileError: Error, CustomStringConvertible {
    let description: String
}
