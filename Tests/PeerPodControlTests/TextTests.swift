import Telemetry
import Testing

@testable import PeerPodControl

@Suite struct TextTests {
    @Test("a table aligns its columns to the widest cell and leaves no spaces at the ends of lines")
    func table() {
        var table = TextTable(["NAME", "TIME", "STATE"], aligned: [.left, .right])
        table.add(["a", "1200 ms", "up"])
        table.add(["longer", "7 ms", ""])
        #expect(
            table.lines == [
                "NAME       TIME  STATE",
                "a       1200 ms  up",
                "longer     7 ms",
            ])
    }

    @Test("a table shows no control character of a name from outside")
    func controlCharacters() {
        var table = TextTable(["POD"])
        table.add(["evil\u{1b}[2J\npod\u{202e}"])
        #expect(table.lines == ["POD", "evil\\u001b[2J\\npod\\u202e"])
    }

    @Test(
        "durations have a limited number of digits",
        arguments: [
            (Duration.zero, "0.0 ms"), (.microseconds(440), "0.4 ms"), (.microseconds(9_949), "9.9 ms"),
            (.microseconds(9_950), "10 ms"), (.milliseconds(512), "512 ms"), (.microseconds(999_500), "1.00 s"),
            (.milliseconds(4_306), "4.31 s"), (.milliseconds(59_994), "59.99 s"), (.milliseconds(59_996), "1 min 00 s"),
            (.seconds(125), "2 min 05 s"),
        ])
    func durations(duration: Duration, text: String) {
        #expect(duration.text == text)
    }

    @Test(
        "ages are in their largest unit",
        arguments: [
            (Int64(-5), "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d"),
        ])
    func ages(seconds: Int64, text: String) {
        let now = WallTime(secondsSinceEpoch: 1_800_000_000)
        #expect(ageText(of: now.secondsSinceEpoch - seconds, now: now) == text)
    }

    @Test(
        "an age is unknown when the time of creation is not valid",
        arguments: [Int64.min, .min + 1, -1, 0, 1_800_086_400, .max - 1, .max])
    func unknownAge(created: Int64) {
        #expect(ageText(of: created, now: WallTime(secondsSinceEpoch: 1_800_000_000)) == "unknown")
    }

    @Test("a stream with prefixes is printed in whole lines, however it is cut", arguments: [1, 2, 3, 7, 100])
    func prefixing(cut: Int) {
        let bytes = Array("one\n\ntwo\nlast".utf8)
        var prefixer = LinePrefixer("pod-1")
        var shown: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: cut) {
            let lines = prefixer.add(bytes[start..<min(start + cut, bytes.count)])
            #expect(lines.isEmpty || lines.last == UInt8(ascii: "\n"))
            shown += lines
        }
        shown += prefixer.end()
        #expect(String(decoding: shown, as: UTF8.self) == "pod-1 | one\npod-1 | \npod-1 | two\npod-1 | last\n")
        #expect(prefixer.end().isEmpty)
    }

    @Test("a line without an end is printed in pieces of limited length")
    func endlessLine() {
        var prefixer = LinePrefixer("pod-1")
        let shown = prefixer.add(Array(repeating: UInt8(ascii: "x"), count: LinePrefixer.lineLimit))
        #expect(shown.count == LinePrefixer.lineLimit + 1)
        #expect(shown.last == UInt8(ascii: "\n"))
    }
}
