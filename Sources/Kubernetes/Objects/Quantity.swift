/// An amount of a resource, such as `500m` or `2Gi`, in thousandths.
package struct Quantity: Hashable, Sendable, Comparable {
    /// The amount in thousandths, rounded up. It is at most `Int64.max`.
    package let thousandths: Int64

    /// An amount of thousandths.
    package init(thousandths: Int64) { self.thousandths = thousandths }

    /// The most decimal digits that count; the amount is rounded up beyond them.
    private static let digitLimit = 18

    /// Parses a quantity of Kubernetes; nil if the text is not one, or is negative.
    ///
    /// The calculation is exact: with binary fractions, `16.1` would be a little more than 16100 thousandths, and the sum with
    /// `900m` more than 17.
    package init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        let isNumber = { (byte: UInt8) in (0x30...0x39).contains(byte) || byte == UInt8(ascii: ".") }
        let number = text.utf8.prefix(while: isNumber)
        let suffix = String(text.utf8.dropFirst(number.count)) ?? "?"
        let parts = number.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, number.contains(where: { $0 != UInt8(ascii: ".") }),
            let scale = Self.scale(suffix)
        else { return nil }
        let whole = parts[0].drop { $0 == 0x30 }
        let fraction = parts.count == 2 ? Array(parts[1]) : []
        guard whole.count <= Self.digitLimit else {
            thousandths = .max
            return
        }
        let kept = fraction.prefix(Self.digitLimit)
        let isCut = fraction.dropFirst(Self.digitLimit).contains { $0 != 0x30 }
        // At most 36 digits: less than 2^128.
        let digits = (Array(whole) + kept).reduce(UInt128(0)) { $0 * 10 + UInt128($1 - 0x30) }
        thousandths = Self.thousandths(
            digits + (isCut ? 1 : 0), tens: scale.tens - kept.count + 3, doublings: scale.doublings)
    }

    /// `digits` · 10^`tens` · 2^`doublings`, rounded up and limited.
    private static func thousandths(_ digits: UInt128, tens: Int, doublings: Int) -> Int64 {
        let limit = UInt128(UInt64(Int64.max))
        var amount = digits
        var isRounded = false
        var twos = doublings
        for _ in 0..<max(0, -tens) {
            // Doubling first keeps the digits that the division would drop.
            while twos > 0, amount < UInt128.max / 4 {
                amount *= 2
                twos -= 1
            }
            if amount % 10 != 0 { isRounded = true }
            amount /= 10
        }
        for _ in 0..<twos {
            if amount > limit { return .max }
            amount *= 2
        }
        for _ in 0..<max(0, tens) {
            if amount > limit { return .max }
            amount *= 10
        }
        if isRounded { amount += 1 }
        return amount > limit ? .max : Int64(amount)
    }

    /// The amount as a whole number, rounded up.
    package var roundedUp: Int64 { thousandths / 1000 + (thousandths % 1000 > 0 ? 1 : 0) }

    private static func scale(_ suffix: String) -> (tens: Int, doublings: Int)? {
        let decimal = ["n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18]
        if let tens = decimal[suffix] { return (tens, 0) }
        if let power = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].firstIndex(of: suffix) { return (0, 10 * (power + 1)) }
        guard let first = suffix.utf8.first, first == UInt8(ascii: "e") || first == UInt8(ascii: "E"),
            let exponent = Int(suffix.dropFirst()), (-18...18).contains(exponent)
        else { return nil }
        return (exponent, 0)
    }

    package static func < (left: Quantity, right: Quantity) -> Bool { left.thousandths < right.thousandths }

    /// The sum, at most `Int64.max` thousandths.
    package static func + (left: Quantity, right: Quantity) -> Quantity {
        let (sum, overflow) = left.thousandths.addingReportingOverflow(right.thousandths)
        return Quantity(thousandths: overflow ? Int64.max : sum)
    }
}
