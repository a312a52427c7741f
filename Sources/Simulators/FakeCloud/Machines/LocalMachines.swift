public import LinuxIO
public import Telemetry

/// Machines on this host: each is a process tree that does what a pod VM does.
///
/// They outlive the process that created them. A new process finds them by their directories:
///
///     <directory>/<name>/      see MachineDirectory
///     <directory>/../subnet    of those that are hosts, see HostBridge
///
/// Concurrency: calls share `state`, under its lock. Only one process may use a directory.
public final class LocalMachines: Sendable {
    /// Where machines are and which programs they run.
    public struct Options: Sendable {
        /// The parent of the machines' directories, which outlives the process. It contains nothing else.
        public var directory = "/run/peerpod/fake-cloud/machines"
        /// Where `fake-pod-vm` and `agent-protocol-forwarder` are; empty: beside the running program.
        public var programsDirectory = ""
        /// How machines are isolated.
        public var isolation = MachineIsolation.loopback
        /// The TCP port that forwarders listen on, each on its own machine's address.
        public var forwarderPort: UInt16 = 15150
        /// Further flags of the forwarders; a pod VM's image has them in a file.
        public var forwarderFlags: [String] = []
        /// The virtual machines; without an image, machines are processes.
        public var virtual = VirtualMachineOptions()
        /// Further flags of the stand-ins for kata's agent.
        public var agentFlags: [String] = []

        /// The network namespace of the bridge; nil: this process's.
        package var home: NetworkNamespace?

        /// The defaults.
        public init() {}
    }

    struct State {
        /// Machines that this process started and has to reap.
        var children: [String: ChildProcess] = [:]
        /// Addresses in use, by machine.
        var addresses: [String: String] = [:]
        /// Listeners of metadata services that are not served yet, by machine.
        var metadata: [String: Listener] = [:]
        /// Virtual machines that are being powered on.
        var starting: Set<String> = []
        /// Whether the kernel can run virtual machines; nil: not known yet.
        var isAccelerated: Bool?
    }

    /// How machines are connected, as ``MachineIsolation`` and this process's rights decide.
    enum Connection: Sendable {
        case loopback(reason: String)
        case bridge(HostBridge)
    }

    let options: Options
    let loop: EpollLoop
    let logger: Logger
    let machine: String
    let forwarder: String
    let connection: Connection
    let state = Lock(State())

    /// How machines that are created from now on are reached.
    public var network: MachineNetwork {
        switch connection {
        case .loopback(let reason): .loopback(reason: reason)
        case .bridge(let bridge): .hosts(interface: bridge.interface)
        }
    }

    /// The machines under ``Options/directory``, including those of earlier processes.
    ///
    /// - Throws: ``MachineError`` when the programs are missing, the directory cannot be used, or the required isolation
    ///   is not possible.
    public init(_ options: Options, on loop: EpollLoop, logger: Logger = .silent) throws(MachineError) {
        self.options = options
        self.loop = loop
        self.logger = logger
        let programs =
            options.programsDirectory.isEmpty
            ? Files.parent(of: SystemInfo.executablePath) : options.programsDirectory
        machine = programs + "/fake-pod-vm"
        forwarder = programs + "/agent-protocol-forwarder"
        for program in [machine, forwarder] where !Files.isExecutable(program) {
            throw MachineError(
                "find the programs of fake machines",
                "\(program) does not exist: build it, or name its directory with -programs-dir"
            )
        }
        do throws(SystemCallError) {
            try Files.makeDirectories(options.directory)
        } catch {
            throw LocalMachines.unusable(options.directory, error)
        }
        try VirtualMachines.check(options.virtual, options)
        connection = try LocalMachines.connect(options, logger)
        if case .loopback(let reason) = connection, !options.virtual.image.isEmpty {
            throw MachineError(
                "create virtual machines", "they need a bridge and interfaces of their own (-network=hosts): \(reason)")
        }
        do throws(SystemCallError) {
            for name in try Files.list(options.directory) {
                let directory = directoryOf(name)
                if let record = directory.machine {
                    state.withLock { $0.addresses[name] = record.address }
                } else if !MachinePower(of: directory).isOn {
                    // An incomplete machine: the process that created or removed it was killed.
                    try Files.removeTree(directory.path)
                }
            }
        } catch {
            close()
            throw LocalMachines.unusable(options.directory, error)
        }
    }

    private static func unusable(_ directory: String, _ error: SystemCallError) -> MachineError {
        MachineError("open the directory of fake machines \(directory)", "\(error)")
    }

    private static func connect(_ options: Options, _ logger: Logger) throws(MachineError) -> Connection {
        if options.isolation == .loopback { return .loopback(reason: "it was asked for") }
        do throws(MachineError) {
            let bridge = try HostBridge.open(of: Files.parent(of: options.directory), in: options.home)
            logger.info(
                "Machines are hosts with interfaces, mounts and processes of their own",
                [LogField("bridge", bridge.interface), LogField("subnet", "\(bridge.subnet)")])
            return .bridge(bridge)
        } catch {
            if options.isolation == .hosts { throw error }
            logger.warning(
                "Machines are processes at loopback addresses, without isolation", [LogField("error", error)])
            return .loopback(reason: error.reason)
        }
    }

    /// Removes the bridge if there is no machine; the next process creates it again.
    package func close() {
        guard case .bridge(let bridge) = connection, (try? names().isEmpty) == true else { return }
        do { try bridge.remove() } catch {
            logger.warning("The bridge \(bridge.interface) cannot be removed", [LogField("error", error)])
        }
    }

    /// The names of all machines with a directory, stopped ones included.
    package func names() throws(SystemCallError) -> [String] {
        try Files.list(options.directory).filter(LocalMachines.isName)
    }

    /// A machine's directory, for benchmarks and tests.
    package func directoryOf(_ name: String) -> MachineDirectory {
        MachineDirectory("\(options.directory)/\(name)")
    }

    static func isName(_ name: String) -> Bool {
        1...64 ~= name.utf8.count
            && name.utf8.allSatisfy {
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
                    || $0 == UInt8(ascii: "-")
            }
    }

    private static func check(_ name: String, _ operation: String) throws(MachineError) {
        if isName(name) { return }
        throw MachineError("\(operation) machine \(name.debugDescription)", "a name has 1 to 64 of a-z, 0-9 and -")
    }
}

extension LocalMachines: MachineHost {
    /// Reserves an address that no machine has; on loopback one on which the forwarders' port is free.
    package func reserveAddress(for name: String) async throws -> String {
        try LocalMachines.check(name, "reserve an address for")
        return try state.withLock { state throws(MachineError) in
            if let address = state.addresses[name] { return address }
            let taken = Set(state.addresses.values)
            let address: String?
            switch connection {
            case .bridge(let bridge):
                let plan = AddressPlan(name: name, stateDirectory: options.directory, pool: .subnet(bridge.subnet))
                address = plan.choose { !taken.contains($0) }
            case .loopback:
                let plan = AddressPlan(name: name, stateDirectory: options.directory)
                // A machine of another cloud on the same host can have the address.
                address = plan.choose { !taken.contains($0) && isFree($0) }
            }
            guard let address else {
                throw MachineError(
                    "reserve an address for machine \(name)",
                    "no address is free on which port \(options.forwarderPort) is unused: delete machines")
            }
            state.addresses[name] = address
            return address
        }
    }

    /// Records a machine and powers it on; a recorded machine that was never powered on is powered on.
    package func powerOn(_ spec: MachineSpec, at address: String) async throws {
        try LocalMachines.check(spec.name, "power on")
        let directory = directoryOf(spec.name)
        defer { state.withLock { _ = $0.starting.remove(spec.name) } }
        do {
            if directory.machine == nil {
                let hardware = try await hardware(of: spec.name, at: address)
                try write(spec, at: address, hardware)
                state.withLock { $0.addresses[spec.name] = address }
            } else if Files.exists(directory.processNumber) {
                return
            }
            try await start(directory, spec.name)
        } catch {
            throw MachineError("power on machine \(spec.name)", "\(error)")
        }
        logger.info("Machine \(spec.name) is powered on", [LogField("address", address)])
    }

    /// Kills a machine with all its descendants, and removes its directory.
    package func remove(_ name: String) async throws {
        // No machine has a name of another form, so there is nothing to remove.
        guard LocalMachines.isName(name) else { return }
        let directory = directoryOf(name)
        let wasThere = Files.exists(directory.path)
        do {
            let machine = directory.machine
            state.withLock { $0.metadata.removeValue(forKey: name) }?.close()
            let lock = try await MachinePower(of: directory).cut(on: loop, asks: machine?.kind != .host)
            if let child = state.withLock({ $0.children.removeValue(forKey: name) }) { _ = try await child.wait() }
            if let machine, machine.kind == .host { try await disconnect(machine) }
            // Under the lock, so that the machine cannot be powered on in between.
            try Files.removeTree(directory.path)
            _ = consume lock
        } catch let error as CancellationError {
            throw error
        } catch {
            throw MachineError("remove machine \(name)", "\(error)")
        }
        state.withLock { $0.addresses[name] = nil }
        if wasThere { logger.info("Machine \(name) is removed") }
    }

    /// The last status that the guest reported; a machine that has lost its power has failed.
    package func status(of name: String) -> GuestStatus? {
        guard LocalMachines.isName(name), Files.exists(directoryOf(name).record) else { return nil }
        let directory = directoryOf(name)
        // In this order, because a guest writes its last status before its power goes.
        let isOn = MachinePower(of: directory).isOn
        let status = directory.guestStatus
        if case .failed = status { return status }
        return isOn ? status ?? .booting : .failed("the machine has stopped: see \(directory.console)")
    }
}
