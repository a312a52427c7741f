import JSON

/// One line of the result: what was measured, and whether it meets its goal.
struct Figure: Sendable {
    /// What the Go adaptor reaches on such a machine, and what this project must reach, both as text.
    struct Goal: Sendable {
        let original: String
        let text: String
        let isMet: @Sendable (Double) -> Bool

        /// At most `limit`.
        static func atMost(_ limit: Double, _ unit: String, original: String) -> Goal {
            Goal(original: original, text: "<= \(plain(limit)) \(unit)") { $0 <= limit }
        }

        /// At least `limit`.
        static func atLeast(_ limit: Double, _ unit: String, original: String) -> Goal {
            Goal(original: original, text: ">= \(plain(limit)) \(unit)") { $0 >= limit }
        }
    }

    let group: String
    let name: String
    /// In the goal's unit. `detail` has the values behind it.
    let value: Double
    let unit: String
    let detail: String
    let goal: Goal?

    var json: JSONValue {
        var object = JSONObject([
            ("group", .string(group)), ("name", .string(name)), ("value", .number(value)), ("unit", .string(unit)),
            ("detail", .string(detail)),
        ])
        if let goal {
            object["goal"] = .string(goal.text)
            object["original"] = .string(goal.original)
            object["met"] = .bool(goal.isMet(value))
        }
        return .object(object)
    }

    var row: [String] {
        [
            name, "\(plain(value)) \(unit)", goal?.text ?? "", goal?.original ?? "",
            goal.map { $0.isMet(value) ? "met" : "not met" } ?? "", detail,
        ]
    }
}

/// A number with three significant digits.
func plain(_ value: Double) -> String {
    let digits = abs(value) >= 100 ? 1.0 : abs(value) >= 10 ? 10.0 : 100.0
    let rounded = (value * digits).rounded() / digits
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
}

/// The median of an odd number of values.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}

/// The value that a share of all values does not exceed.
func percentile(_ share: Double, of values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
}

/// Figures as Markdown tables.
func table(_ figures: [Figure]) -> String {
    var text = ""
    for group in figures.reduce(into: [String](), { if !$0.contains($1.group) { $0.append($1.group) } }) {
        text += "\n### \(group)\n\n| figure | ours | goal | Go original | | measured |\n|---|---|---|---|---|---|\n"
        for figure in figures where figure.group == group {
            text += "| " + figure.row.joined(separator: " | ") + " |\n"
        }
    }
    return text
}
