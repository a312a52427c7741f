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
            let bar = bar(from: entry.start, length: entry.length, room: room).padded(to: room)
            let space = String(repeating: " ", count: lengthWidth - entry.length.text.count)
            return "\(name)  \(bar)  \(space)\(entry.length.text)"
        }
    }

    /// A bar in eighths of a column; the shortest phase still shows as one eighth.
    private func bar(from start: Duration, length: Duration, room: Int) -> String {
        guard total > .zero else { return "" }
        let eighths = Double(room * 8)
        let begin = min(Int(start / total * eighths) / 8, room - 1)
        let end = min(Int(((start + length) / total * eighths).rounded()), room * 8)
        let filled = max(end - begin * 8, 1)
        let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][filled % 8]
        return String(repeating: " ", count: begin) + String(repeating: "█", count: filled / 8) + rest
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
