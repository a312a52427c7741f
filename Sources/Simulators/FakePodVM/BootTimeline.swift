internal import FakeCloud
internal import JSON
internal import LinuxIO
internal import Telemetry

/// When a fake VM did what, in microseconds since 1970; kept in its directory for benchmarks.
///
/// With it the time that the VM itself took can be told from what we added.
final class BootTimeline: Sendable {
    /// A step of a boot, in the order they come.
    enum Step: String {
        /// The cloud was asked for the VM.
        case asked
        /// The VM's first process runs.
        case poweredOn = "powered-on"
        /// The boot delay is over; programs start.
        case booted
        /// User data has become files.
        case provisioned
        /// The forwarder said READY=1: from here on it is our time alone.
        case ready
    }

    private let directory: MachineDirectory
    private let steps: Lock<[(String, JSONValue)]>

    init(of machine: MachineRecord, in directory: MachineDirectory) {
        self.directory = directory
        steps = Lock([(Step.asked.rawValue, .integer(machine.created.millisecondsSinceEpoch * 1000))])
    }

    /// Notes that `step` happens now; its first time counts.
    func mark(_ step: Step) {
        let now = SystemInfo.wallClock
        let moment = JSONValue.integer(now.seconds * 1_000_000 + Int64(now.nanoseconds) / 1000)
        let text: [UInt8]? = steps.withLock { steps in
            if steps.contains(where: { $0.0 == step.rawValue }) { return nil }
            steps.append((step.rawValue, moment))
            return JSONValue.object(JSONObject(steps)).encoded(indent: 2)
        }
        // A VM whose disk is full still boots.
        if let text { try? directory.replace(directory.timeline, with: String(decoding: text, as: UTF8.self)) }
    }
}
