internal import Telemetry

/// A sandbox's phases as an SVG document: a bar for each phase of the start, and a line of text for each later phase.
struct TimelineDrawing: Sendable {
    private static let width = 960
    private static let labelWidth = 330
    private static let barWidth = 460
    private static let row = 24
    private static let top = 56
    /// The longest text of one label, in characters.
    private static let labelLimit = 46

    let report: TimelineReport

    /// The document.
    var text: String {
        let life = report.life
        let height = Self.top + max(life.phases.count, 1) * Self.row + 16
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(Self.width)\" height=\"\(height)\" "
                + "viewBox=\"0 0 \(Self.width) \(height)\" font-family=\"sans-serif\" font-size=\"13\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
            "<text x=\"16\" y=\"28\" font-weight=\"bold\">\(Self.escaped(report.title, limit: 130))</text>",
        ]
        for (number, phase) in life.phases.enumerated() {
            lines += drawing(of: phase, at: Self.top + number * Self.row, total: life.startLength)
        }
        return (lines + ["</svg>"]).map { $0 + "\n" }.joined()
    }

    private func drawing(of phase: SandboxLife.Phase, at y: Int, total: Duration) -> [String] {
        let label = "<text x=\"16\" y=\"\(y + 16)\">\(Self.escaped(phase.name, limit: Self.labelLimit))</text>"
        var note = phase.length.text + (phase.isOpen ? " so far" : "")
        if let failure = phase.failure { note += "  \(failure)" }
        guard phase.isStart, total > .zero else {
            return [label, text(note, at: Self.labelWidth, y)]
        }
        let start = Int(phase.start / total * Double(Self.barWidth))
        let length = max(Int((phase.length / total * Double(Self.barWidth)).rounded()), 2)
        let colour = phase.failure != nil ? "#c0392b" : phase.isOpen ? "#d9a520" : "#2f6fb0"
        let x = Self.labelWidth + min(start, Self.barWidth - 2)
        let end = min(x + length, Self.labelWidth + Self.barWidth)
        return [
            label,
            "<rect x=\"\(x)\" y=\"\(y + 3)\" width=\"\(end - x)\" height=\"\(Self.row - 8)\" fill=\"\(colour)\"/>",
            text(note, at: Self.labelWidth + Self.barWidth + 8, y),
        ]
    }

    private func text(_ text: String, at x: Int, _ y: Int) -> String {
        "<text x=\"\(x)\" y=\"\(y + 16)\">\(Self.escaped(text, limit: Self.labelLimit))</text>"
    }

    /// The text without characters that XML forbids or interprets.
    static func escaped(_ text: String, limit: Int) -> String {
        let cut = text.count > limit ? text.prefix(limit - 1) + "…" : text[...]
        return String(cut).printable().map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            default: String(character)
            }
        }.joined()
    }
}
