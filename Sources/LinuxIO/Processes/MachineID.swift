/// The machine's identity, as machine-id(5) describes it.
public enum MachineID {
    /// The 16 bytes of a machine id. nil if `text` is not a machine id, such as `uninitialized`, or has only zeros.
    public static func parse(_ text: String) -> [UInt8]? {
        var digits = Array(text.utf8.drop { $0 <= UInt8(ascii: " ") })
        while let last = digits.last, last <= UInt8(ascii: " ") { digits.removeLast() }
        guard digits.count == 32 else { return nil }
        let values = digits.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard values.count == 32 else { return nil }
        let bytes = stride(from: 0, to: 32, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
        return bytes.contains { $0 != 0 } ? bytes : nil
    }
}
