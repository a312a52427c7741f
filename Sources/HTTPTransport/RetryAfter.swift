public import Telemetry

/// When a server wants to be asked again.
public enum RetryAfter {
    /// A longer delay is taken for a mistake.
    private static let longest = 7 * 86_400.0

    /// How long a server wants to be left alone; nil when it does not say, or not so that it can be read.
    ///
    /// Azure's `retry-after-ms` and `x-ms-retry-after-ms` are milliseconds, and finer than `Retry-After` beside them,
    /// which is in seconds or a date. What has passed already is zero.
    public static func parse(_ headers: HTTPHeaders, now: WallTime) -> Duration? {
        for name in ["retry-after-ms", "x-ms-retry-after-ms"] {
            if let milliseconds = headers[name].flatMap(number) { return duration(milliseconds / 1000) }
        }
        guard let value = headers["Retry-After"] else { return nil }
        if let seconds = number(value) { return duration(seconds) }
        guard let date = HTTPDate.parse(value) else { return nil }
        return duration(Double(date.millisecondsSinceEpoch - now.millisecondsSinceEpoch) / 1000)
    }

    /// Digits, perhaps with a fraction; no sign, exponent or name.
    private static func number(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else { return nil }
        return Double(text)
    }

    private static func duration(_ seconds: Double) -> Duration {
        .milliseconds(Int64((max(0, min(seconds, longest)) * 1000).rounded(.up)))
    }
}

/// The dates of HTTP headers (RFC 9110, 5.6.7), in today's form and the two that a reader must still know.
///
///     Sun, 06 Nov 1994 08:49:37 GMT
///     Sunday, 06-Nov-94 08:49:37 GMT
///     Sun Nov  6 08:49:37 1994
package enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The moment a date names; nil for anything else.
    package static func parse(_ text: String) -> WallTime? {
        guard text.utf8.count <= 40 else { return nil }
        // All three have a month by name, one time of day, and the day before the year.
        var month: Int64?
        var seconds: Int64?
        var numbers: [Int64] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" }).dropFirst() {
            if let index = months.firstIndex(of: String(word)) {
                month = Int64(index + 1)
            } else if word.contains(":") {
                let parts = word.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) ?? -1 }
                // A leap second counts as the one after.
                guard parts.count == 3, (0..<24).contains(parts[0]), (0..<60).contains(parts[1]),
                    (0...60).contains(parts[2])
                else { return nil }
                seconds = parts[0] * 3600 + parts[1] * 60 + parts[2]
            } else if word != "GMT" {
                guard let number = Int64(word) else { return nil }
                numbers.append(number)
            }
        }
        guard let month, let seconds, numbers.count == 2, (1...31).contains(numbers[0]), (0...9999).contains(numbers[1])
        else { return nil }
        // Two digits are of the years 1970 to 2069.
        let year = numbers[1] < 70 ? numbers[1] + 2000 : numbers[1] < 100 ? numbers[1] + 1900 : numbers[1]
        return WallTime(secondsSinceEpoch: days(year, month, numbers[0]) * 86400 + seconds)
    }

    /// Days since 1970, counted in years that begin on 1 March, so that the leap day is a year's last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
