/// The faults that a schedule injects.
package enum Fault: String, CaseIterable, Sendable {
    case crash = "process crashes"
    case powerCut = "power cuts"
    case termination = "process terminations"
    case writeFailed = "failed writes"
    case writeFailedAfterEffect = "writes that failed after they took effect"
    case tornRecord = "torn records"
    case emptyRecord = "empty records"
    case bitFlip = "bit flips in records"
    case lostRecord = "records lost by a power cut"
    case throttled = "throttled requests"
    case refused = "refused requests"
    case answerLost = "lost answers"
    case requestLost = "lost requests"
    case lateCreation = "VMs created after the caller crashed"
    case replacement = "replaced VMs"
    case provisioningFailed = "VMs that failed to boot"
    case staleList = "lists that were old when they arrived"
    case listFailed = "failed lists"
    case vmVanished = "vanished VMs"
    case vmExchanged = "VMs exchanged for another one of the same name"
    case leftover = "interfaces, disks and addresses left without a VM"
    case lateDeletion = "VMs deleted after the caller crashed"
    case tagsChanged = "changed tags"
    case preparationFailed = "failed preparations"
    case connectionFailed = "failed connections"
    case releaseFailed = "failed releases"
    case hangUp = "calls that the shim gave up"
    case duplicateCall = "duplicate calls"
    case shimKilled = "killed shims"
    case agentLost = "agent connections that ended"
    case wallClockJump = "jumps of the wall clock"
}

/// How often each of several things happened.
package struct Tally<Key: Hashable & Sendable>: Sendable {
    private var counts: [Key: Int] = [:]

    /// The number for a key.
    package subscript(key: Key) -> Int { counts[key] ?? 0 }
    /// The sum for all keys.
    package var total: Int { counts.values.reduce(0, +) }

    mutating func count(_ key: Key) { counts[key, default: 0] += 1 }
    mutating func add(_ other: Tally) { counts.merge(other.counts, uniquingKeysWith: +) }
}
