internal import LinuxIO

/// A point in time in the usual text form, in UTC.
///
/// Use it only for logs and records. The clock may jump, so do not use it to measure or to wait.
public struct WallTime: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1 January 1970, without leap seconds.
    public let millisecondsSinceEpoch: Int64

    /// The time that is this number of milliseconds after 1 January 1970.
    public init(millisecondsSinceEpoch: Int64) { self.millisecondsSinceEpoch = millisecondsSinceEpoch }

    /// The time that is this number of seconds after 1 January 1970, limited to the range of milliseconds.
    public init(secondsSinceEpoch: Int64) {
        let (product, overflows) = secondsSinceEpoch.multipliedReportingOverflow(by: 1000)
        millisecondsSinceEpoch = overflows ? (secondsSinceEpoch < 0 ? .min : .max) : product
    }

    /// The current time.
    public static var now: WallTime {
        let (seconds, nanoseconds) = SystemInfo.wallClock
        return WallTime(millisecondsSinceEpoch: seconds * 1000 + Int64(nanoseconds) / 1_000_000)
    }

    /// Whole seconds since 1 January 1970.
    public var secondsSinceEpoch: Int64 {
        let (quotient, remainder) = millisecondsSinceEpoch.quotientAndRemainder(dividingBy: 1000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// RFC 3339 with milliseconds, such as `2026-08-21T09:05:07.042Z`.
    public var description: String {
        let (year, month, day) = date
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(clock)Z"
    }

    /// The prefix of Go's log package, such as `2026/08/21 09:05:07`.
    var slashed: String {
        let (year, month, day) = date
        return "\(Self.padded(year, 4))/\(Self.padded(month, 2))/\(Self.padded(day, 2)) \(clock.prefix(8))"
    }

    /// The time of day, such as `09:05:07.042`.
    var clock: String {
        let second = secondOfDay
        let hour = Self.padded(second / 3600, 2)
        return
            "\(hour):\(Self.padded(second / 60 % 60, 2)):\(Self.padded(second % 60, 2)).\(Self.padded(milliseconds, 3))"
    }

    private var milliseconds: Int64 { ((millisecondsSinceEpoch % 1000) + 1000) % 1000 }
    private var secondOfDay: Int64 { ((secondsSinceEpoch % 86400) + 86400) % 86400 }

    /// The proleptic Gregorian date. The calculation uses eras of 400 years that begin on 1 March, so that the leap day
    /// is the last day of a year.
    private var date: (year: Int64, month: Int64, day: Int64) {
        let days = (secondsSinceEpoch - secondOfDay) / 86400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number.magnitude)
        return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    /// Whether `left` is earlier than `right`.
    public static func < (left: WallTime, right: WallTime) -> Bool {
        left.millisecondsSinceEpoch < right.millisecondsSinceEpoch
    }
}
