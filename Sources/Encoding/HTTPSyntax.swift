/// The grammar of HTTP fields (RFC 9110, 5.6).
public enum HTTPSyntax {
    /// Whether `byte` may stand in a token, such as a method or the name of a field (RFC 9110, 5.6.2).
    public static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
