package import LinuxIO

/// The power of a fake VM: finds its processes from its directory alone, and takes it away.
///
/// Every process of a VM has the `power` file open under one number, from birth, and the
/// file is locked for as long as any of them has. So it takes no record of process numbers,
/// which others may have got by now, to know whether a VM lives and who belongs to it. What
/// closed the descriptor is found as the descendant of one that has not: the VM's first
/// process and its agent adopt what daemons leave behind.
package struct MachinePower: Sendable {
    private let directory: MachineDirectory

    package init(of directory: MachineDirectory) { self.directory = directory }

    /// Whether any process of the VM lives.
    package var isOn: Bool {
        guard Files.exists(directory.power) else { return false }
        do {
            // If it can be had, it is dropped again at once.
            return switch try FileLock.take(directory.power) {
            case .some: false
            case .none: true
            }
        } catch {
            return false
        }
    }

    /// Switches the VM off, and returns with its lock: from then on nothing of it lives, nor will.
    ///
    /// Its first process is asked to if it `asks`, since as the parent of all the others it leaves no zombies. If it
    /// does not answer soon, is stopped or dead, everything is killed from here. With the first process of a host the
    /// kernel kills all others, so there is nothing to ask for.
    /// - Returns: nil when the VM never had power.
    /// - Throws: `CancellationError`, or ``SystemCallError`` when the lock cannot be taken at all.
    package func cut(on loop: EpollLoop, asks: Bool = true) async throws -> FileLock? {
        let patience = ContinuousClock.now.advanced(by: MachinePower.patience)
        var wasAsked = false
        var pause = Duration.milliseconds(1)
        let known = firstProcess.flatMap(ProcessRecord.init(pid:))
        while Files.exists(directory.power) {
            if let lock = try FileLock.take(directory.power) {
                // Files are closed before a process has ended, and the first of a host ends after all others.
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

    /// How long the first process may take to switch off by itself: it needs a few milliseconds.
    private static let patience = Duration.seconds(2)

    private func killAll() {
        let victims = processes()
        // All stand still before any dies, so that none has children unseen.
        for victim in victims { ProcessTree.signal(victim, Signals.stop) }
        for victim in Set(processes()).union(victims) { ProcessTree.signal(victim, Signals.kill) }
    }

    private func processes() -> [Int32] {
        // Asking one process and those below it is cheap; asking all is for when it is gone.
        if let first = firstProcess {
            return [first] + ProcessTree.descendants(of: first)
        }
        let holders = ProcessTable.all().filter { !$0.isZombie && isOurs($0.pid) }.map(\.pid)
        return holders + holders.flatMap { ProcessTree.descendants(of: $0) }
    }

    /// The VM's first process; nil when it has ended, for its number may be another's by now.
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
