internal import FakeCloud
internal import JSON
internal import LinuxIO
internal import Telemetry

/// The times of a fake VM's boot steps, in microseconds since 1970; kept in its directory for benchmarks.
///
/// Separates the time that the VM takes from the time of the forwarder and the node.
final class BootTimeline: Sendable {
    /// The steps of a boot, in order.
    enum Step: String {
        /// The cloud received the request for the VM.
        case asked
        /// The VM's first process runs.
        case poweredOn = "powered-on"
        /// The boot delay is over, and programs start.
        case booted
        /// The user data is provisioned.
        case provisioned
        /// The forwarder sent READY=1.
        case ready
    }

    private let directory: MachineDirectory
    private let steps: Lock<[(String, JSONValue)]>

    init(of machine: MachineRecord, in directory: MachineDirectory) {
        self.directory = directory
        steps = Lock([(Step.asked.rawValue, .integer(machine.created.millisecondsSinceEpoch * 1000))])
    }

    /// Records the time of a step; only the first time counts.
    func mark(_ step: Step) {
        let now = SystemInfo.wallClock
        let moment = JSONValue.integer(now.seconds * 1_000_000 + Int64(now.nanoseconds) / 1000)
        let text: [UInt8]? = steps.withLock { steps in
            if steps.contains(where: { $0.0 == step.rawValue }) { return nil }
            steps.append((step.rawValue, moment))
            return JSONValue.object(JSONObject(steps)).encoded(indent: 2)
        }
        // A VM with a full disk must still boot.
        if let text { try? directory.replace(directory.timeline, with: String(decoding: text, as: UTF8.self)) }
    }
}
