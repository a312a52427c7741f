/// An amount of a resource, such as `500m` or `2Gi`, in thousandths.
package struct Quantity: Hashable, Sendable, Comparable {
    /// The amount in thousandths, rounded up. It is at most `Int64.max`.
    package let thousandths: Int64

    /// An amount of thousandths.
    package init(thousandths: Int64) { self.thousandths = thousandths }

    /// Parses a quantity of Kubernetes; nil if the text is not one, or is negative.
    package init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        let isNumber = { (byte: UInt8) in (0x30...0x39).contains(byte) || byte == UInt8(ascii: ".") }
        let digits = text.utf8.prefix(while: isNumber)
        let suffix = String(text.utf8.dropFirst(digits.count)) ?? "?"
        guard let number = Double(String(digits) ?? ""), let factor = Self.factor(suffix) else { return nil }
        let amount = (number * factor * 1000).rounded(.up)
        thousandths = amount >= 9.2e18 ? Int64.max : Int64(amount)
    }

    /// The amount as a whole number, rounded up.
    package var roundedUp: Int64 { thousandths / 1000 + (thousandths % 1000 > 0 ? 1 : 0) }

    private static func factor(_ suffix: String) -> Double? {
        if let decimal = ["n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9][suffix] {
            return decimal
        }
        if let large = ["T": 1e12, "P": 1e15, "E": 1e18][suffix] { return large }
        let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
        if let power = binary.firstIndex(of: suffix) {
            return (0...power).reduce(1.0) { product, _ in product * 1024 }
        }
        guard let first = suffix.utf8.first, first == UInt8(ascii: "e") || first == UInt8(ascii: "E"),
            let exponent = Int(suffix.dropFirst()), (-18...18).contains(exponent)
        else { return nil }
        return (0..<abs(exponent)).reduce(1.0) { product, _ in exponent < 0 ? product / 10 : product * 10 }
    }

    package static func < (left: Quantity, right: Quantity) -> Bool { left.thousandths < right.thousandths }

    /// The sum, at most `Int64.max` thousandths.
    package static func + (left: Quantity, right: Quantity) -> Quantity {
        let (sum, overflow) = left.thousandths.addingReportingOverflow(right.thousandths)
        return Quantity(thousandths: overflow ? Int64.max : sum)
    }
}
