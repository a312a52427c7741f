public import Telemetry

/// The time at which a server accepts the next request.
public enum RetryAfter {
    /// The longest delay, in seconds. A longer delay is treated as a mistake.
    private static let longest = 7 * 86_400.0

    /// The delay that the server requests; nil if the header has no delay, or none that can be parsed.
    ///
    /// Azure's `retry-after-ms` and `x-ms-retry-after-ms` have milliseconds. They are more precise than `Retry-After`,
    /// which has seconds or a date, and take precedence. A date in the past is a delay of zero.
    public static func parse(_ headers: HTTPHeaders, now: WallTime) -> Duration? {
        for name in ["retry-after-ms", "x-ms-retry-after-ms"] {
            if let milliseconds = headers[name].flatMap(number) { return duration(milliseconds / 1000) }
        }
        guard let value = headers["Retry-After"] else { return nil }
        if let seconds = number(value) { return duration(seconds) }
        guard let date = HTTPDate.parse(value) else { return nil }
        return duration(Double(date.millisecondsSinceEpoch - now.millisecondsSinceEpoch) / 1000)
    }

    /// Parses digits with an optional fraction. A sign, an exponent or a name is invalid.
    private static func number(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else { return nil }
        return Double(text)
    }

    private static func duration(_ seconds: Double) -> Duration {
        .milliseconds(Int64((max(0, min(seconds, longest)) * 1000).rounded(.up)))
    }
}

/// The dates of HTTP headers (RFC 9110, 5.6.7): the current format, and the two old formats that a recipient must
/// accept.
///
///     Sun, 06 Nov 1994 08:49:37 GMT
///     Sunday, 06-Nov-94 08:49:37 GMT
///     Sun Nov  6 08:49:37 1994
package enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The time that `text` represents; nil if `text` is not a date.
    package static func parse(_ text: String) -> WallTime? {
        guard text.utf8.count <= 40 else { return nil }
        // All three formats have the month's name, one time of day, and the day before the year.
        var month: Int64?
        var seconds: Int64?
        var numbers: [Int64] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" }).dropFirst() {
            if let index = months.firstIndex(of: String(word)) {
                month = Int64(index + 1)
            } else if word.contains(":") {
                let parts = word.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) ?? -1 }
                // A leap second counts as the next second.
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
        // Two digits mean a year from 1970 to 2069.
        let year = numbers[1] < 70 ? numbers[1] + 2000 : numbers[1] < 100 ? numbers[1] + 1900 : numbers[1]
        return WallTime(secondsSinceEpoch: days(year, month, numbers[0]) * 86400 + seconds)
    }

    /// The days since 1970. The calculation uses years that begin on 1 March, so the leap day is the last day of a
    /// year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
