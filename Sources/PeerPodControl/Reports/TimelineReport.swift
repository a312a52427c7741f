internal import JSON
internal import PeerPodProtocol
internal import Telemetry

/// The phases of a sandbox's life as lines of text, as JSON, or as a drawing.
struct TimelineReport: Sendable {
    let title: String
    let life: SandboxLife

    init(_ history: SandboxHistoryStatus, now: WallTime) {
        life = SandboxLife(history, now: now.millisecondsSinceEpoch)
        title = history.title(begin: life.begin)
    }

    /// A line for each phase: its name, a bar for the phases of the start, its duration, and its failure.
    func lines(width: Int) -> [String] {
        let nameWidth = life.phases.map { $0.name.count }.max() ?? 0
        let lengths = life.phases.map { $0.length.text }
        let lengthWidth = lengths.map(\.count).max() ?? 0
        let room = min(max(width - nameWidth - lengthWidth - 8, 10), 60)
        let rows = zip(life.phases, lengths).map { phase, length in
            let bar =
                phase.isStart ? Bar(from: phase.start, length: phase.length, of: life.startLength, room: room).text : ""
            let space = String(repeating: " ", count: lengthWidth - length.count)
            let open = phase.isOpen ? " so far" : ""
            let failure = phase.failure.map { "  \($0)" } ?? ""
            return "  \(phase.name.padded(to: nameWidth))  \(bar.padded(to: room))  \(space)\(length)\(open)\(failure)"
                .printable()
        }
        return [title.printable()] + rows
    }

    /// An array of the phases.
    var json: JSONValue {
        .array(
            life.phases.map { phase in
                var object = JSONObject([
                    ("phase", .string(phase.name)),
                    ("startMilliseconds", .integer(Int64(phase.start / .milliseconds(1)))),
                    ("milliseconds", .integer(Int64(phase.length / .milliseconds(1)))),
                ])
                if phase.isOpen { object["continues"] = true }
                object["failure"] = phase.failure.map(JSONValue.string)
                return .object(object)
            })
    }
}

extension SandboxHistoryStatus {
    /// Which sandbox it is.
    func title(begin: Int64) -> String {
        let sandbox = sandbox ?? SandboxStatus()
        let state = hasEnded ? "ended" : sandbox.state
        let time = begin > 0 ? ", since \(WallTime(millisecondsSinceEpoch: begin))" : ""
        return "pod \(sandbox.fullName), sandbox \(sandbox.id.prefix(12)), VM \(sandbox.vm), \(state)\(time)"
    }
}
