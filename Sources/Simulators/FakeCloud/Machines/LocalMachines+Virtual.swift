internal import LinuxIO
internal import PodNetwork
internal import Telemetry

extension LocalMachines {
    /// The hardware of a new machine; nil if machines are processes.
    func hardware(of name: String, at address: String) async throws -> VirtualHardware? {
        let virtual = options.virtual
        guard !virtual.image.isEmpty, case .bridge(let bridge) = connection else { return nil }
        try state.withLock { state throws in
            let running = try names().filter { name in
                let directory = directoryOf(name)
                return directory.machine?.hardware != nil && MachinePower(of: directory).isOn
            }
            let count = state.starting.subtracting([name]).union(running).count
            guard count < virtual.limit else {
                throw MachineError(
                    "create a virtual machine", "\(count) run already: delete some, or raise -vm-limit")
            }
            state.starting.insert(name)
        }
        var hardware = VirtualHardware(virtual, isAccelerated: try await isAccelerated())
        hardware.network = "\(address)/\(bridge.subnet.length)"
        hardware.gateway = "\(bridge.subnet.host(1).address)"
        return hardware
    }

    /// Whether the kernel can run a VM's processor. Tried once.
    private func isAccelerated() async throws -> Bool {
        switch options.virtual.accelerator {
        case .kernel: return true
        case .emulation: return false
        case .automatic: break
        }
        if let known = state.withLock({ $0.isAccelerated }) { return known }
        let result = try await AcceleratorProbe(options: options.virtual, loop: loop).run()
        state.withLock { $0.isAccelerated = result.isUsable }
        logger.info(
            result.isUsable ? "Virtual machines use KVM" : "Virtual machines are emulated",
            [LogField("reason", result.reason)])
        return result.isUsable
    }

    /// The end of a virtual machine's serial console, or of what the programs of another machine wrote.
    package func serialLog(of name: String) -> [UInt8]? {
        guard LocalMachines.isName(name) else { return nil }
        let directory = directoryOf(name)
        guard let machine = directory.machine else { return nil }
        if machine.hardware != nil { return SerialConsole(of: directory).content }
        guard let file = try? RandomAccessFile(directory.console) else { return nil }
        let count = min(file.size, Int64(SerialConsole.limit))
        return try? file.read(Int(count), at: file.size - count)
    }
}

/// What virtual machines need of this machine.
enum VirtualMachines {
    /// The programs, with the Debian packages that have them.
    static let programs = [
        "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "swtpm": "swtpm",
        "swtpm_setup": "swtpm-tools", "ip": "iproute2",
    ]

    /// - Throws: ``MachineError``, which names what is missing.
    static func check(_ virtual: VirtualMachineOptions, _ options: LocalMachines.Options) throws(MachineError) {
        if virtual.image.isEmpty { return }
        func refuse(_ reason: String) -> MachineError { MachineError("create virtual machines", reason) }
        guard virtual.image.hasPrefix("/"), let size = try? RandomAccessFile(virtual.image).size else {
            throw refuse(
                "\(virtual.image) cannot be read: name a raw image with its whole path; scripts/image builds one")
        }
        guard size > 1 << 20, size % 512 == 0, !isVHD(virtual.image, size) else {
            throw refuse("\(virtual.image) is not a raw disk image: name the .raw file that scripts/image has built")
        }
        guard options.forwarderPort == 15150 else {
            throw refuse("the forwarder of an image listens on port 15150, not on \(options.forwarderPort)")
        }
        for file in ["OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"] where !Files.exists("\(virtual.firmware)/\(file)") {
            throw refuse("\(virtual.firmware)/\(file) does not exist: install the Debian package ovmf")
        }
        for (program, package) in programs.sorted(by: { $0.key < $1.key }) where !isThere(program, virtual.programs) {
            throw refuse("there is no program \(program): install the Debian package \(package)")
        }
    }

    private static func isThere(_ program: String, _ directory: String) -> Bool {
        let places = directory.isEmpty ? (Environment.all["PATH"] ?? "/usr/bin:/bin") : directory
        return places.split(separator: ":").contains { Files.isExecutable("\($0)/\(program)") }
    }

    private static func isVHD(_ path: String, _ size: Int64) -> Bool {
        let footer = try? RandomAccessFile(path).read(8, at: size - 512)
        return footer == Array("conectix".utf8)
    }
}
