package import LinuxIO

/// The power of a fake VM: finds the VM's processes by its directory alone, and kills them.
///
/// Every process of a VM inherits the `power` file under one descriptor number, and the file is locked while any
/// process has it open. So no record of process numbers is needed, which the kernel can reuse, to know whether a VM
/// lives and which processes belong to it. A process that closed the descriptor is found as a descendant of one that
/// has not: the VM's first process and its agent are subreapers for daemons.
package struct MachinePower: Sendable {
    private let directory: MachineDirectory

    /// The power of the VM in `directory`.
    package init(of directory: MachineDirectory) { self.directory = directory }

    /// Whether a process of the VM lives.
    package var isOn: Bool {
        guard Files.exists(directory.power) else { return false }
        do {
            // If the lock is free, it is released immediately.
            return switch try FileLock.take(directory.power) {
            case .some: false
            case .none: true
            }
        } catch {
            return false
        }
    }

    /// Switches the VM off and returns its lock: no process of the VM lives, and none can start while the lock is
    /// held.
    ///
    /// If `asks`, the first process is asked to end: it is the parent of all others and leaves no zombies. If that
    /// takes too long, or the process is stopped or dead, this process kills all of them. The kernel kills all
    /// processes of a host with the first one, so a host needs no request.
    /// - Returns: nil when the VM never had power.
    /// - Throws: `CancellationError`, or ``SystemCallError`` when the lock cannot be taken at all.
    package func cut(on loop: EpollLoop, asks: Bool = true) async throws -> FileLock? {
        let patience = ContinuousClock.now.advanced(by: MachinePower.patience)
        var wasAsked = false
        var pause = Duration.milliseconds(1)
        let known = firstProcess.flatMap(ProcessRecord.init(pid:))
        while Files.exists(directory.power) {
            if let lock = try FileLock.take(directory.power) {
                // A process closes its files before it ends, and the first process of a host ends after all others.
                while !asks, let known, let now = ProcessRecord(pid: known.pid), !now.isZombie,
                    now.startTime == known.startTime
                {
                    try await loop.sleep(for: .milliseconds(1))
                }
                return lock
            }
            if let first = firstProcess, asks, ContinuousClock.now < patience {
                if !wasAsked { ProcessTree.signal(first, Signals.terminate) }
                wasAsked = true
            } else {
                killAll()
            }
            try await loop.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(20))
        }
        return nil
    }

    /// How long the first process may take to switch off; it needs a few milliseconds.
    private static let patience = Duration.seconds(2)

    private func killAll() {
        let victims = processes()
        // All are stopped before any is killed, so that no child is missed.
        for victim in victims { ProcessTree.signal(victim, Signals.stop) }
        for victim in Set(processes()).union(victims) { ProcessTree.signal(victim, Signals.kill) }
    }

    private func processes() -> [Int32] {
        // The descendants of the first process are cheap to find; all processes are searched only when it has ended.
        if let first = firstProcess {
            return [first] + ProcessTree.descendants(of: first)
        }
        let holders = ProcessTable.all().filter { !$0.isZombie && isOurs($0.pid) }.map(\.pid)
        return holders + holders.flatMap { ProcessTree.descendants(of: $0) }
    }

    /// The VM's first process; nil when it has ended, because its number may belong to another process.
    var firstProcess: Int32? {
        guard let text = try? DurableFile.read(directory.processNumber, limit: 64),
            let pid = Int32(String(decoding: text, as: UTF8.self)), isOurs(pid)
        else { return nil }
        return pid
    }

    private func isOurs(_ pid: Int32) -> Bool {
        Files.isSame("/proc/\(pid)/fd/\(MachineDirectory.powerDescriptor)", directory.power)
    }
}
