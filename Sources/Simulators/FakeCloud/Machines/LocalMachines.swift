public import LinuxIO
public import Telemetry

/// Machines on this host: each is a tree of processes that does what a pod VM does.
///
/// They outlive the process that made them, and a new one finds them by their directories:
///
///     <directory>/<name>/      see MachineDirectory
///     <directory>/../subnet    of those that are hosts, see HostBridge
///
/// Concurrency: `state` is what calls share, under its lock. Two processes may not use one directory.
public final class LocalMachines: Sendable {
    /// Where machines live and what they run.
    public struct Options: Sendable {
        /// A directory each, that outlives us as the machines do. Nothing else may be in here.
        public var directory = "/run/peerpod/fake-cloud/machines"
        /// Where `fake-pod-vm` and `agent-protocol-forwarder` are; empty: beside the running program.
        public var programsDirectory = ""
        /// What machines have of their own.
        public var isolation = MachineIsolation.loopback
        /// The TCP port that forwarders listen on, each on its own machine's address.
        public var forwarderPort: UInt16 = 15150
        /// Further flags of the forwarders, which a pod VM's image would have in a file.
        public var forwarderFlags: [String] = []

        /// The network that the bridge of those that are hosts belongs to; nil: this process's.
        package var home: NetworkNamespace?

        /// The defaults.
        public init() {}
    }

    struct State {
        /// Machines we started: a parent has to hear of its children's ends, or they stay as zombies.
        var children: [String: ChildProcess] = [:]
        /// Addresses that are taken, by machine.
        var addresses: [String: String] = [:]
        /// Where machines that were just made look for their metadata service, until somebody listens there.
        var metadata: [String: Listener] = [:]
    }

    /// What comes of ``MachineIsolation``.
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

    /// How machines are reached that are made from now on.
    public var network: MachineNetwork {
        switch connection {
        case .loopback(let reason): .loopback(reason: reason)
        case .bridge(let bridge): .hosts(interface: bridge.interface)
        }
    }

    /// Machines under ``Options/directory``, those of earlier processes included.
    ///
    /// - Throws: ``MachineError`` when the programs are missing, the directory cannot be used, or machines cannot be as
    ///   isolated as they must.
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
                "look for the programs of fake machines",
                "\(program) is missing: build it, or say where the programs are"
            )
        }
        do throws(SystemCallError) {
            try Files.makeDirectories(options.directory)
        } catch {
            throw LocalMachines.unusable(options.directory, error)
        }
        connection = try LocalMachines.connect(options, logger)
        do throws(SystemCallError) {
            for name in try Files.list(options.directory) {
                let directory = directoryOf(name)
                if let record = directory.machine {
                    state.withLock { $0.addresses[name] = record.address }
                } else if !MachinePower(of: directory).isOn {
                    // Half of a machine, whose maker or remover did not live to finish it.
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
                "Machines are processes at loopback addresses, isolated from nothing", [LogField("error", error)])
            return .loopback(reason: error.reason)
        }
    }

    /// Removes what connects machines, if there is no machine; the next process makes it again.
    package func close() {
        guard case .bridge(let bridge) = connection, (try? names().isEmpty) == true else { return }
        do { try bridge.remove() } catch {
            logger.warning("The bridge \(bridge.interface) stays", [LogField("error", error)])
        }
    }

    /// Every machine that has a directory, also one that has stopped.
    package func names() throws(SystemCallError) -> [String] {
        try Files.list(options.directory).filter(LocalMachines.isName)
    }

    /// A machine's directory, for those who want to know more of it: benchmarks, tests.
    package func directoryOf(_ name: String) -> MachineDirectory {
        MachineDirectory("\(options.directory)/\(name)")
    }

    private static func isName(_ name: String) -> Bool {
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
    /// Takes an address that no machine has; on loopback one on which the forwarders' port is free.
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
                // Another cloud's machine may have it, on the same host.
                address = plan.choose { !taken.contains($0) && isFree($0) }
            }
            guard let address else {
                throw MachineError(
                    "reserve an address for machine \(name)",
                    "none is free on which nobody uses port \(options.forwarderPort): delete machines")
            }
            state.addresses[name] = address
            return address
        }
    }

    /// Writes a machine down and powers it on; one that was never powered on gets its power.
    package func powerOn(_ order: MachineOrder, at address: String) async throws {
        try LocalMachines.check(order.name, "power on")
        let directory = directoryOf(order.name)
        do {
            if directory.machine == nil {
                try write(order, at: address)
                state.withLock { $0.addresses[order.name] = address }
            } else if Files.exists(directory.processNumber) {
                return
            }
            try await start(directory, order.name)
        } catch {
            throw MachineError("power on machine \(order.name)", "\(error)")
        }
        logger.info("Machine \(order.name) is powered on", [LogField("address", address)])
    }

    /// Kills a machine and all that came of it, and removes its directory.
    package func remove(_ name: String) async throws {
        // No machine of ours has another kind of name, so such a one is as gone as can be.
        guard LocalMachines.isName(name) else { return }
        let directory = directoryOf(name)
        let wasThere = Files.exists(directory.path)
        do {
            let machine = directory.machine
            state.withLock { $0.metadata.removeValue(forKey: name) }?.close()
            let lock = try await MachinePower(of: directory).cut(on: loop, asks: machine?.kind != .host)
            if let child = state.withLock({ $0.children.removeValue(forKey: name) }) { _ = try await child.wait() }
            if let machine, machine.kind == .host { try await disconnect(machine) }
            // Only now, and still under the lock, so that nobody can power it on in between.
            try Files.removeTree(directory.path)
            _ = consume lock
        } catch let error as CancellationError {
            throw error
        } catch {
            throw MachineError("remove machine \(name)", "\(error)")
        }
        state.withLock { $0.addresses[name] = nil }
        if wasThere { logger.info("Machine \(name) is gone") }
    }

    /// What the guest last said of itself; a machine that has lost its power has failed.
    package func status(of name: String) -> GuestStatus? {
        guard LocalMachines.isName(name), Files.exists(directoryOf(name).record) else { return nil }
        let directory = directoryOf(name)
        // In this order, for a guest says its last word before its power goes.
        let isOn = MachinePower(of: directory).isOn
        let status = directory.guestStatus
        if case .failed = status { return status }
        return isOn ? status ?? .booting : .failed("the machine has stopped: see \(directory.console)")
    }
}
