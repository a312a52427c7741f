import JSON
import Testing
import TextFormats

@Suite("TOML")
struct TOMLTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(toml: Array(text.utf8)) }

    @Test("reads containerd's configuration: tables with quoted and dotted names, lists and truth values")
    func containerd() throws {
        let value = try parse(
            """
            version = 3 # a comment
            imports = [
              "/etc/containerd/conf.d/*.toml", # and one more
              'x',
            ]
            [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.kata-remote]
              runtime_type = "io.containerd.kata-remote.v2"
              privileged_without_host_devices = true
            [plugins.'io.containerd.cri.v1.runtime'.containerd]
              default_runtime_name = "runc"
            [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.kata-remote.options]
              ConfigPath = "/opt/kata/c.toml"
            """)
        let runtime = value["plugins"]?["io.containerd.cri.v1.runtime"]?["containerd"]
        #expect(value["version"] == 3)
        #expect(value["imports"] == ["/etc/containerd/conf.d/*.toml", "x"])
        #expect(runtime?["default_runtime_name"] == "runc")
        #expect(runtime?["runtimes"]?["kata-remote"]?["options"]?["ConfigPath"] == "/opt/kata/c.toml")
        #expect(runtime?["runtimes"]?["kata-remote"]?["privileged_without_host_devices"] == true)
    }

    @Test("reads every form of value")
    func values() throws {
        let value = try parse(
            """
            a.b."c d" = 1_000
            hex = 0xff
            octal = 0o17
            binary = 0b101
            negative = -17
            float = 6.5e3
            special = -inf
            date = 1979-05-27T07:32:00Z
            inline = { x = 1, y.z = "2" }
            nested = [[1, 2], ["a"]]
            lines = \"\"\"
            one
            two\"\"\"
            [[list]]
            n = 1
            [[list]]
            [list.sub]
            n = 2
            """)
        #expect(
            value == [
                "a": ["b": ["c d": 1000]], "hex": 255, "octal": 15, "binary": 5, "negative": -17, "float": 6500.0,
                "special": "-inf", "date": "1979-05-27T07:32:00Z", "inline": ["x": 1, "y": ["z": "2"]],
                "nested": [[1, 2], ["a"]], "lines": "one\ntwo", "list": [["n": 1], ["sub": ["n": 2]]],
            ])
    }

    @Test("accepts the line ends of Windows")
    func lineEnds() throws { #expect(try parse("a = 1\r\n[t]\r\nb = 2\r\n") == ["a": 1, "t": ["b": 2]]) }

    @Test(
        "refuses what is not TOML, with the line",
        arguments: [
            ("a = 1\na = 2", 2, "twice"), ("[t]\n[t]", 2, "twice"), ("a = 1\n[a]", 2, "both a value and a table"),
            ("a = ", 1, "value is expected"), ("a = nope", 1, "value is expected"), ("a", 1, "no value"),
            ("a = 1 b = 2", 1, "text after a value"), ("a = [1, 2", 1, "comma or ]"), ("a = {x = 1", 1, "comma or }"),
            ("[a", 1, "no ]"), ("[[a]\n", 1, "no ]]"), ("a = \"x", 1, "no end"), ("\u{1}", 1, "key or a table"),
            ("a = 1\n[[a]]", 2, "twice"), ("a = {x = 1}\n[a]\n", 2, "both a value"), ("a = 12x", 1, "not known"),
        ])
    func refusals(text: String, line: Int, reason: String) throws {
        let error = try #require(throws: TextFormatError.self) { try parse(text) }
        #expect(error.line == line, "\(error)")
        #expect(error.reason.contains(reason), "\(error)")
    }

    @Test("ends within its limits: size, depth, number of values")
    func limits() {
        let texts = [
            String(repeating: "#", count: (1 << 20) + 1), "a = " + String(repeating: "[", count: 100_000),
            "a = " + String(repeating: "{a = ", count: 1000), (0..<20_001).map { "k\($0) = 1\n" }.joined(),
            "a = " + String(repeating: "{a.b.c.d = ", count: 9) + "1" + String(repeating: "}", count: 9),
            "[" + Array(repeating: "a", count: 1000).joined(separator: ".") + "]",
            (0..<30_000).map { _ in "[[a]]\n" }.joined(),
        ]
        for text in texts { #expect(throws: TextFormatError.self) { try parse(text) } }
    }

    @Test("survives each prefix of a document and each changed byte")
    func damage() throws {
        let bytes = Array("a.b = [1, {x = \"\\u00e9\"}]\n[[l]]\n'k' = '''x\ny'''\nd = 1979-05-27\n".utf8)
        _ = try JSONValue(toml: bytes)
        for length in 0..<bytes.count { _ = try? JSONValue(toml: Array(bytes.prefix(length))) }
        for index in bytes.indices {
            for byte: UInt8 in [0, 0x0A, 0x22, 0x5B, 0x5D, 0x7B, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = byte
                _ = try? JSONValue(toml: changed)
            }
        }
    }
}
