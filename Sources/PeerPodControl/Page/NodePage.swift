internal import PeerPodProtocol
internal import Telemetry

/// The page as HTML, from what the adaptor says. It has no script, and loads only its style.
struct NodePage: Sendable {
    /// The sandboxes' histories, also of those that ended; newest first.
    var histories: [SandboxHistoryStatus] = []
    /// The text of the adaptor's metrics.
    var metrics = ""
    /// What could not be read.
    var problems: [String] = []
    /// The node's name.
    var node = ""
    var now = WallTime.now

    /// The most sandboxes that are shown.
    private static let limit = 200
    /// The most failures that are shown.
    private static let failureLimit = 20

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
        <meta name="viewport" content="width=device-width"><title>Peer pods of \(Self.escaped(node))</title>
        <link rel="stylesheet" href="style.css"></head><body>
        <h1>Peer pods of \(Self.escaped(node))</h1><p class="note">\(Self.escaped("\(now)")), read again every 5 s</p>
        \(problems.map { "<p class=\"bad\">\(Self.escaped($0))</p>" }.joined(separator: "\n"))
        \(pods)\(failures)\(requests)</body></html>

        """
    }

    private var pods: String {
        guard !histories.isEmpty else { return "<h2>Pods</h2><p>no sandboxes</p>\n" }
        let rows = histories.prefix(Self.limit).map { history -> String in
            let sandbox = history.sandbox ?? SandboxStatus()
            let cells = [
                "\(sandbox.podNamespace)/\(sandbox.podName)", history.hasEnded ? "ended" : sandbox.state, sandbox.size,
                sandbox.tee,
                sandbox.address, ageText(of: sandbox.created, now: now),
            ].map { "<td>\(Self.escaped($0))</td>" }
            return "<tr>\(cells.joined())<td>\(bars(of: history))</td></tr>\n"
        }
        return """
            <h2>Pods</h2><table><thead><tr><th>Pod</th><th>State</th><th>Size</th><th>TEE</th><th>Address</th><th>Age</th>\
            <th>Phases of the start</th></tr></thead><tbody>
            \(rows.joined())</tbody></table>

            """
    }

    /// The phases of a start as bars of one drawing; the name and the duration of each appear on its bar.
    private func bars(of history: SandboxHistoryStatus) -> String {
        let life = SandboxLife(history, now: now.millisecondsSinceEpoch)
        let total = life.startLength
        let phases = life.phases.filter(\.isStart)
        guard total > .zero, !phases.isEmpty else { return "" }
        let width = 320
        let rectangles = phases.map { phase -> String in
            let start = min(max(Int(phase.start / total * Double(width)), 0), width - 2)
            let length = max(2, min(Int((phase.length / total * Double(width)).rounded()), width - start))
            let kind = phase.failure != nil ? "failed" : phase.isOpen ? "open" : "done"
            let label = "\(phase.name): \(phase.length.text)" + (phase.failure.map { ", \($0)" } ?? "")
            return "<rect class=\"\(kind)\" x=\"\(start)\" y=\"2\" width=\"\(length)\" height=\"14\">"
                + "<title>\(Self.escaped(label))</title></rect>"
        }
        return "<svg width=\"\(width)\" height=\"18\" role=\"img\">\(rectangles.joined())</svg> "
            + Self.escaped(total.text)
    }

    private var failures: String {
        let failed = histories.filter { $0.sandbox?.failure.isEmpty == false }.prefix(Self.failureLimit)
        guard !failed.isEmpty else { return "<h2>Failures</h2><p>none</p>\n" }
        let items = failed.map { history -> String in
            let sandbox = history.sandbox ?? SandboxStatus()
            return "<dt>\(Self.escaped("\(sandbox.podNamespace)/\(sandbox.podName)")), "
                + "\(Self.escaped(ageText(of: sandbox.created, now: now))) old</dt>"
                + "<dd>\(Self.escaped(sandbox.failure))</dd>\n"
        }
        return "<h2>Failures</h2><dl>\n\(items.joined())</dl>\n"
    }

    /// The adaptor's figures of Azure Resource Manager, without the buckets of histograms.
    private var requests: String {
        let rows = metrics.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("peerpods_azure_"), let space = line.lastIndex(of: " ") else { return nil }
            let series = line[..<space]
            guard !series.contains("_bucket{"), !series.contains("_bucket ") else { return nil }
            return "<tr><td>\(Self.escaped(String(series.dropFirst("peerpods_azure_".count))))</td>"
                + "<td class=\"number\">\(Self.escaped(String(line[line.index(after: space)...])))</td></tr>\n"
        }.prefix(Self.limit)
        guard !rows.isEmpty else { return "" }
        return "<h2>Azure</h2><table><tbody>\n\(rows.joined())</tbody></table>\n"
    }

    /// Text in which no character is HTML or controls the display.
    static func escaped(_ text: String) -> String {
        var shown = ""
        for scalar in String(text.prefix(4000)).printable().unicodeScalars {
            switch scalar {
            case "&": shown += "&amp;"
            case "<": shown += "&lt;"
            case ">": shown += "&gt;"
            case "\"": shown += "&quot;"
            case "'": shown += "&#39;"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    static let style = """
        body { font: 14px/1.4 sans-serif; margin: 24px; color: #222; background: #fff; }
        h1 { font-size: 20px; margin: 0; } h2 { font-size: 16px; margin: 24px 0 8px; } .note { color: #666; margin: 4px 0; }
        table { border-collapse: collapse; } th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #ddd; }
        .number { text-align: right; } .bad { color: #a61b1b; } dt { font-weight: bold; } dd { margin: 0 0 8px 0; }
        svg { vertical-align: middle; } rect.done { fill: #2f6fb0; stroke: #fff; } rect.open { fill: #d9a520; }
        rect.failed { fill: #c0392b; }

        """
}
