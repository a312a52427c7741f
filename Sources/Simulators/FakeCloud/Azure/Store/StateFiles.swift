internal import Encoding
internal import JSON
internal import LinuxIO
internal import Telemetry

/// ARM's state on disk: a file for each resource, `<kind>.<group>.<name>.json`, replaced as a whole at each change.
///
/// Nothing is synced, because a power failure ends the machines too. The files contain user data.
struct StateFiles: Sendable {
    private let directory: String

    /// The files in this directory, which contains nothing else; created if it does not exist.
    init(_ directory: String) throws(SystemCallError) {
        self.directory = directory
        try Files.makeDirectories(directory)
    }

    /// Writes the current state of a resource; removes the file of a resource that no longer exists.
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
            logger.warning(
                "A resource cannot be written to disk, and will be missing after a restart", [LogField("error", error)])
        }
    }

    /// Reads the resources of an earlier process.
    ///
    /// - Throws: an error that names the file that cannot be read.
    func restore(_ state: inout AzureState) throws {
        for name in try Files.list(directory).sorted() {
            let path = "\(directory)/\(name)"
            if name == StateFiles.ports { continue }
            guard name.hasSuffix(".json") else {
                try Files.removeTree(path)  // An incomplete file: the process that wrote it was killed.
                continue
            }
            let bytes = try DurableFile.read(path, limit: 4 << 20)
            do {
                try StateFiles.restore(JSONNode(JSONValue(parsing: bytes, limits: JSONLimits(size: 4 << 20))), &state)
            } catch {
                throw StateFileError(
                    description: "\(path) is not a resource of a fake Azure: \(error). Remove the file")
            }
        }
        _ = state.takeChanges()
    }

    /// The name of the file with the ports of the last run.
    private static let ports = "ports"

    /// The ports of the last run, in the order of ``keep(ports:)``; empty if there was no run.
    var lastPorts: [UInt16] {
        let text = (try? DurableFile.read("\(directory)/\(StateFiles.ports)", limit: 64)) ?? []
        return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { UInt16($0) }
    }

    /// Keeps the ports for the next run: booting guests and clients that wait for an operation use them.
    func keep(ports: [UInt16]) throws(SystemCallError) {
        try Files.removeTree("\(directory)/\(StateFiles.ports)")
        try Files.write(
            ports.map(String.init).joined(separator: " ").utf8, to: "\(directory)/\(StateFiles.ports)", at: 0)
    }

    /// Removes the file with the ports.
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

    /// A file name for any resource name.
    private static func name(of id: FakeResourceID) -> String {
        func plain(_ text: String) -> String {
            text.lowercased().utf8.map { byte in
                ResourceName.isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                    ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.encode([byte])
            }.joined()
        }
        return "\(id.kind.rawValue).\(plain(id.group)).\(plain(id.name)).json"
    }
}

/// A file of the state that cannot be parsed.
struct StateFileError: Error, CustomStringConvertible {
    let description: String
}
