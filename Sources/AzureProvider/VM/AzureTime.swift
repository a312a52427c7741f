/// A time in Azure's answers, in RFC 3339: `2026-08-21T09:05:07.0421234+00:00`.
enum AzureTime {
    /// Seconds since 1970, without the fraction; nil if the text is not such a time, or its year is not in 1970...9999.
    static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8.prefix(40))
        guard bytes.count == text.utf8.count, bytes.count >= 20,
            zip([4, 7, 10, 13, 16], "--T::".utf8).allSatisfy({ bytes[$0] == $1 || ($1 == 0x54 && bytes[$0] == 0x74) }),
            let year = number(bytes[0..<4], in: 1970...9999), let month = number(bytes[5..<7], in: 1...12),
            let day = number(bytes[8..<10], in: 1...31), let hour = number(bytes[11..<13], in: 0...23),
            let minute = number(bytes[14..<16], in: 0...59), let second = number(bytes[17..<19], in: 0...60),
            let offset = offset(bytes[19...])
        else { return nil }
        return days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    }

    /// The fraction, which does not count, and then the distance to UTC in seconds: `Z`, `+01:00`.
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
        var rest = bytes
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count + 1)
        }
        if rest.count == 1, rest.first == UInt8(ascii: "Z") || rest.first == UInt8(ascii: "z") { return 0 }
        let zone = Array(rest)
        guard zone.count == 6, zone[3] == UInt8(ascii: ":"), let hours = number(zone[1..<3], in: 0...23),
            let minutes = number(zone[4..<6], in: 0...59)
        else { return nil }
        switch zone[0] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>, in range: ClosedRange<Int64>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return range.contains(value) ? value : nil
    }

    /// Days from 1 January 1970, in the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years begin in March here, so that the leap day is the last day of a year.
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}
