extension PodTimeline {
    /// One line for each phase: its name, a bar at its time and of its length, and its duration.
    ///
    ///     create  ▏                                    12 ms
    ///     start   ███████████████████▌               2.10 s
    ///     run                         ██████████     1.01 s
    func bars(width: Int) -> [String] {
        let nameWidth = entries.map { $0.phase.rawValue.count }.max() ?? 0
        let lengthWidth = entries.map { $0.length.text.count }.max() ?? 0
        let room = min(max(width - nameWidth - lengthWidth - 8, 10), 60)
        return entries.map { entry in
            let name = entry.phase.rawValue.padded(to: nameWidth)
            let bar = Bar(from: entry.start, length: entry.length, of: total, room: room).text.padded(to: room)
            let space = String(repeating: " ", count: lengthWidth - entry.length.text.count)
            return "\(name)  \(bar)  \(space)\(entry.length.text)"
        }
    }

}

/// A bar in eighths of a column; the shortest still shows as one eighth.
struct Bar: Sendable {
    /// The bar, with the spaces before it.
    let text: String

    /// A bar from `start` on, in a row of `room` columns that has the length `total`.
    init(from start: Duration, length: Duration, of total: Duration, room: Int) {
        guard total > .zero else {
            text = ""
            return
        }
        let eighths = Double(room * 8)
        let begin = min(Int(start / total * eighths) / 8, room - 1)
        let end = min(Int(((start + length) / total * eighths).rounded()), room * 8)
        let filled = max(end - begin * 8, 1)
        let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][filled % 8]
        text = String(repeating: " ", count: begin) + String(repeating: "█", count: filled / 8) + rest
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
