internal import PodVMLifecycle

/// What a schedule did, in order. Two runs of one seed have equal traces.
struct Trace: Equatable {
    /// One step.
    struct Entry: Equatable {
        let step: Step
        /// The number of the pod, or of the process for the steps of a process; -1 without one.
        let subject: Int
        /// A number that completes the step: the index of the job, the state of a record, the serial number of a VM.
        let detail: Int
        /// The virtual time in milliseconds.
        let milliseconds: Int
    }

    /// The kinds of steps.
    enum Step: String {
        case job, time
        case processStarts = "the process starts"
        case processServes = "the process serves"
        case processCannotStart = "the process cannot start"
        case processEnding = "the process gets SIGTERM"
        case processCrashes = "the process crashes"
        case processEnds = "the process has ended"
        case powerCut = "power cut"
        case wallClockJumps = "the wall clock jumps"
        case diskChanges = "the disk's condition changes"
        case cloudChanges = "the cloud's condition changes"
        case recordWritten = "record written"
        case recordWrittenAndFailed = "record written, and the write failed"
        case recordFailed = "record not written"
        case bitFlipped = "a bit of the record flips"
        case directoryRemoved = "directory removed"
        case directoryNotRemoved = "directory not removed"
        case loaded = "records loaded"
        case vmCreated = "VM created"
        case vmCreatedLate = "VM created late, by a request of a process that crashed"
        case vmNotCreated = "VM not created"
        case vmReplaced = "VM replaced"
        case vmProvisioned = "VM provisioned"
        case vmDeleted = "VM deleted"
        case lockTaken = "the process has the lock on the pods directory"
        case vmNotDeleted = "VM not deleted"
        case vmVanished = "VM vanished"
        case vmExchanged = "VM exchanged for another one of the same name"
        case leftoverLeft = "resource without a VM left"
        case leftoverDeleted = "resource without a VM deleted"
        case tagsChanged = "the VM's tags change"
        case listed = "VMs listed"
        case notListed = "VMs not listed"
        case prepared = "pod prepared"
        case notPrepared = "pod not prepared"
        case connected = "pod connected"
        case notConnected = "pod not connected"
        case documentRemoved = "boot document removed"
        case reopened = "agent socket served again"
        case stopMarked = "stop mark written"
        case disconnected = "pod disconnected"
        case released = "number released"
        case notReleased = "number not released"
        case calls = "the shim calls"
        case answered = "the call succeeded"
        case refused = "the call failed"
        case hangsUp = "the shim hangs up"
        case losesAgent = "the shim's agent connection ends"
        case shimDies = "the shim is killed"
        case namespaceRemoved = "the network namespace is removed"
        case settling = "no more faults"
    }

    private(set) var entries: [Entry] = []

    mutating func note(_ step: Step, _ subject: Int, _ detail: Int, at time: Duration) {
        entries.append(Entry(step: step, subject: subject, detail: detail, milliseconds: Int(time / .milliseconds(1))))
    }

    /// The steps as text, without jobs and time.
    var lines: [String] {
        entries.filter { $0.step != .job && $0.step != .time }.map(\.description)
    }
}

extension Trace.Entry: CustomStringConvertible {
    var description: String {
        let seconds = "\(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst())"
        let time = String(repeating: " ", count: max(0, 10 - seconds.utf8.count)) + seconds
        return "\(time)  \(subject < 0 ? "-" : "\(subject)")  \(step.rawValue)" + (detailText.map { " (\($0))" } ?? "")
    }

    private var detailText: String? {
        switch step {
        case .recordWritten, .recordWrittenAndFailed, .recordFailed: SandboxState.words[detail]
        case .calls, .answered, .refused: Call.Kind(rawValue: detail).map { "\($0)" }
        case .diskChanges: DiskCondition(rawValue: detail).map { "\($0)" }
        case .cloudChanges: "\(detail) % of the requests fail"
        case .vmCreated, .vmCreatedLate, .vmDeleted, .vmVanished, .vmExchanged, .tagsChanged: "VM \(detail)"
        default: nil
        }
    }
}

extension SandboxState {
    static let words = ["preparing", "prepared", "creating", "booting", "running", "failed", "deleting", "gone"]

    /// The state's place in ``words``.
    var index: Int {
        switch self {
        case .preparing: 0
        case .prepared: 1
        case .creating: 2
        case .booting: 3
        case .running: 4
        case .failed: 5
        case .deleting: 6
        case .gone: 7
        }
    }
}
