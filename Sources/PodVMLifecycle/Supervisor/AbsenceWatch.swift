/// The running sandboxes whose VM was missing in the latest complete list of the cloud's VMs.
///
/// A value: its input is the list, the records and the time, its output is the sandboxes whose VM is gone. One list is not
/// sufficient evidence, and neither is a list alone: a VM whose tags an operator has removed may be missing in every
/// list. So a VM is gone when two lists, one after the other, do not have it, and no client was connected to its agent
/// between them.
struct AbsenceWatch {
    /// The result of one comparison.
    struct Findings: Equatable {
        /// The sandboxes whose VM was in the list before, and is missing now.
        var new: [SandboxID] = []
        /// The sandboxes whose VM is gone.
        var gone: [SandboxID] = []
    }

    private var absentSince: [SandboxID: ContinuousClock.Instant] = [:]

    /// Compares the cloud's list with the sandboxes that were running when the list was requested, and still are.
    mutating func look(
        at listed: [ListedInstance], running: [SandboxID: Instance], now: ContinuousClock.Instant,
        lastUse: (SandboxID) -> ContinuousClock.Instant?
    ) -> Findings {
        // Clouds compare names without regard to case.
        let listed = Dictionary(listed.map { ($0.id.rawValue.lowercased(), $0) }) { first, _ in first }
        var findings = Findings()
        var absent: [SandboxID: ContinuousClock.Instant] = [:]
        // The order of a dictionary differs from one process to the next.
        for (sandbox, instance) in running.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where !Self.isListed(instance, in: listed) {
            guard let since = absentSince[sandbox] else {
                absent[sandbox] = now
                findings.new.append(sandbox)
                continue
            }
            let isUsed = lastUse(sandbox).map { $0 >= since } ?? false
            // After a use, the evidence begins again: a broken connection may take some time to end.
            absent[sandbox] = isUsed ? now : since
            if !isUsed { findings.gone.append(sandbox) }
        }
        absentSince = absent
        return findings
    }

    /// Whether the list has this VM. A VM of the same name with another identifier is another VM.
    private static func isListed(_ instance: Instance, in listed: [String: ListedInstance]) -> Bool {
        guard let vm = listed[instance.id.rawValue.lowercased()] else { return false }
        guard let known = instance.vmID, let vmID = vm.vmID else { return true }
        return known.lowercased() == vmID.lowercased()
    }
}
