import Encoding
import Testing

@Suite("Encodings")
struct EncodingTests {
    @Test(
        "base64 agrees with the test vectors of RFC 4648, section 10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text.utf8) == Array(plain.utf8))
        #expect(Base64.length(of: plain.utf8.count) == text.utf8.count)
    }

    @Test(
        "text that is not base64 with padding is refused",
        arguments: ["a", "====", "a=b=", "aGk\n", "aG-_", "äää=", "QQ"])
    func invalidBase64(text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }

    @Test("line breaks are skipped where the caller allows them")
    func lineBreaks() {
        #expect(Base64.decode("aG\r\nk=\n".utf8, skipsLineBreaks: true) == Array("hi".utf8))
        #expect(Base64.decode("aG k=".utf8, skipsLineBreaks: true) == nil)
    }

    @Test("base64 for URLs has its own alphabet and no padding")
    func urlBase64() {
        #expect(Base64.encodeForURL([0xFB, 0xFF]) == "-_8")
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
    }

    @Test("FNV-1a has the values of its specification")
    func fnv1a() {
        #expect(FNV1a.hash("".utf8) == 0xcbf2_9ce4_8422_2325)
        #expect(FNV1a.hash("a".utf8) == 0xaf63_dc4c_8601_ec8c)
        #expect(FNV1a.hash("foobar".utf8) == 0x8594_4171_f739_67e8)
    }

    @Test("a token has letters, digits and fifteen other characters")
    func tokens() {
        let allowed = (UInt8.min...UInt8.max).filter(HTTPSyntax.isTokenCharacter)
        #expect(allowed.count == 26 + 26 + 10 + 15)
        for byte in " \t\r\n\"(),/:;<=>?@[\\]{}\u{7f}ä".utf8 { #expect(!HTTPSyntax.isTokenCharacter(byte)) }
    }
}
