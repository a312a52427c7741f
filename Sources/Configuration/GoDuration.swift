/// Durations in the syntax of Go's `time.ParseDuration`: decimal numbers, each with a unit.
package enum GoDuration {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1000), ("µs", 1000), ("μs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    private static let expected = ValueError(expected: "a duration such as 5m, 300s, 1h30m or 250ms")

    /// Parses a duration. A single `0` needs no unit.
    package static func parse(_ text: String) throws(ValueError) -> Duration {
        var rest = Substring(text)
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        if rest == "0" { return .zero }
        guard !rest.isEmpty else { throw expected }
        var nanoseconds: Int64 = 0
        while !rest.isEmpty {
            let (sum, isTooLong) = nanoseconds.addingReportingOverflow(try term(&rest, of: text))
            guard !isTooLong else { throw ValueError(expected: "a duration of less than 292 years") }
            nanoseconds = sum
        }
        return .nanoseconds(isNegative ? -nanoseconds : nanoseconds)
    }

    /// Removes one number and its unit from the front, and returns their value.
    private static func term(_ rest: inout Substring, of text: String) throws(ValueError) -> Int64 {
        let whole = digits(&rest)
        var fraction: Substring = ""
        if rest.first == "." {
            rest = rest.dropFirst()
            fraction = digits(&rest)
        }
        guard !(whole.isEmpty && fraction.isEmpty) else { throw expected }
        let name = rest.prefix { $0 != "." && !$0.isWholeNumber }
        rest = rest.dropFirst(name.count)
        guard !name.isEmpty else {
            let examples = text.allSatisfy(\.isWholeNumber) ? "\(text)s or \(text)m" : "300s or 5m"
            throw ValueError(
                expected: "a duration with a unit, such as \(examples): a number needs a unit")
        }
        guard let unit = units.first(where: { $0.name == name })?.nanoseconds else {
            throw ValueError(expected: "a duration in the units h, m, s, ms, us or ns, such as 1h30m")
        }
        guard let count = Int64(whole.isEmpty ? "0" : whole),
            case let (product, isTooLong) = count.multipliedReportingOverflow(by: unit), !isTooLong
        else { throw ValueError(expected: "a duration of less than 292 years") }
        // For all units except hours, digits after the ninth are less than a nanosecond.
        let part = fraction.isEmpty ? 0 : Int64((Double("0.\(fraction)") ?? 0) * Double(unit))
        let (sum, overflows) = product.addingReportingOverflow(part)
        guard !overflows else { throw ValueError(expected: "a duration of less than 292 years") }
        return sum
    }

    private static func digits(_ rest: inout Substring) -> Substring {
        let digits = rest.prefix { ("0"..."9").contains($0) }
        rest = rest.dropFirst(digits.count)
        return digits
    }

    /// The shortest text in these units that ``parse(_:)`` reads as `duration`. Fractions of a nanosecond are lost.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard seconds != 0 || attoseconds != 0 else { return "0s" }
        guard seconds >= 0, attoseconds >= 0 else { return "-" + text(.zero - duration) }
        var text = ""
        if seconds >= 3600 { text += "\(seconds / 3600)h" }
        if seconds / 60 % 60 > 0 { text += "\(seconds / 60 % 60)m" }
        if seconds % 60 > 0 { text += "\(seconds % 60)s" }
        let nanoseconds = attoseconds / 1_000_000_000
        for (unit, count) in [
            ("ms", nanoseconds / 1_000_000), ("us", nanoseconds / 1000 % 1000), ("ns", nanoseconds % 1000),
        ] where count > 0 { text += "\(count)\(unit)" }
        return text
    }
}
