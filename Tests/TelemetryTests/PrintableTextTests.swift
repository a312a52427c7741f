import Telemetry
import Testing

@Suite("Printable text")
struct PrintableTextTests {
    /// What no terminal, log or table may get, by number: named here a second time, for the rule goes by category.
    private static let hidden: [ClosedRange<UInt32>] = [
        0x00...0x1f, 0x7f...0x9f, 0xad...0xad, 0x61c...0x61c, 0x180e...0x180e, 0x200b...0x200f, 0x2028...0x202e,
        0x2060...0x2064, 0x2066...0x206f, 0xfeff...0xfeff, 0xfff9...0xfffb, 0xe0001...0xe0001, 0xe0020...0xe007f,
    ]

    @Test("contains no control, direction, line or zero-width character of Unicode")
    func allScalars() {
        let all = (UInt32(0)...0x10_ffff).compactMap(Unicode.Scalar.init)
        var text = String()
        text.unicodeScalars.append(contentsOf: all)
        let shown = text.printable().unicodeScalars
        // A table: a search in the ranges for each of a million characters takes seconds.
        var isHidden = [Bool](repeating: false, count: 0x11_0000)
        for value in Self.hidden.joined() { isHidden[Int(value)] = true }
        #expect(shown.allSatisfy { !isHidden[Int($0.value)] })
        #expect(shown.allSatisfy { $0.isPrintable })
    }

    @Test(
        "escapes as JSON does, and changes nothing else",
        arguments: [
            ("plain, \"quoted\" and \\", "plain, \"quoted\" and \\"), ("ä漢🙂 e\u{301}", "ä漢🙂 e\u{301}"), ("", ""),
            ("a\nb\r\t\0", "a\\nb\\r\\t\\u0000"), ("\u{1b}[2J\u{9b}", "\\u001b[2J\\u009b"),
            ("\u{202e}\u{2066}\u{200f}\u{61c}", "\\u202e\\u2066\\u200f\\u061c"),
            ("\u{2028}\u{2029}\u{200b}\u{feff}", "\\u2028\\u2029\\u200b\\ufeff"),
            ("\u{e0041}", "\\udb40\\udc41"), ("\r\n", "\\r\\n"),
            (String(decoding: [0x61, 0xff, 0xc2, 0x62] as [UInt8], as: UTF8.self), "a\u{fffd}\u{fffd}b"),
        ])
    func escapes(text: String, shown: String) {
        #expect(text.printable() == shown)
        #expect(shown.printable() == shown)
    }

    @Test("keeps line ends, and no other control character, if the caller asks for it")
    func lines() { #expect("a\r\n\tb\n\u{85}".printable(keepingLines: true) == "a\\r\n\\tb\n\\u0085") }
}
