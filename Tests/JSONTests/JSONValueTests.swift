import JSON
import Testing

@Suite("JSON values")
struct JSONValueTests {
    @Test(
        "parses every kind of value, also at the top level",
        arguments: [
            ("null", .null), ("true", true), ("false", false), ("0", 0), ("-9223372036854775808", .integer(.min)),
            ("1.5", 1.5), ("1e2", 100.0), ("\"a\\u00e9\\n\\ud83d\\ude00\"", "aé\n😀"), ("\"a\\u0000b\"", "a\0b"),
            ("[]", []), ("{}", [:]), (" [1, [2], {\"a\": null}] ", [1, [2], ["a": .null]]),
        ] as [(String, JSONValue)])
    func kinds(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
        #expect(try JSONValue(parsing: value.encoded()) == value)
        #expect(try JSONValue(parsing: value.encoded(indent: 4)) == value)
    }

    @Test(
        "refuses text that is not JSON",
        arguments: [
            "", " ", "{", "[1,]", "{\"a\":1,}", "{'a':1}", "01", "+1", "NaN", "nul", "\"a", "\"\n\"", "[1] 2",
            "\u{FEFF}1",
            "{\"a\" 1}", "99999999999999999999", "1e999", "// a\n1", "\"\\ud800\"", "\"\\x\"",
        ])
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test("refuses bytes that are not UTF-8", arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]])
    func notUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]) }
    }

    @Test("reports line and column of an error")
    func place() {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "{\n  \"a\": 1,\n  \"b\": x\n}") }
        #expect(error?.line == 3)
        #expect(error?.column == 8)
    }

    @Test("shows nothing of the input in an error, because the input may be a secret")
    func noContent() {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "{\"key\": \"s3cret\" s3cret}") }
        #expect(error?.description.contains("s3cret") == false)
        let twice = #expect(throws: JSONError.self) { try JSONValue(parsing: "{\"s3cret\": 1, \"s3cret\": 2}") }
        #expect(twice?.description.contains("s3cret") == false)
    }

    @Test("refuses a key that occurs twice, unless an option allows it; then the last value counts")
    func duplicates() throws {
        let text = "{\"a\": 1, \"b\": 2, \"a\": 3}"
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(try JSONValue(parsing: text, limits: JSONLimits(allowsDuplicateKeys: true)) == ["b": 2, "a": 3])
    }

    @Test("accepts depth and length up to the limits, and refuses more")
    func limits() throws {
        let limits = JSONLimits(size: 20, depth: 3)
        #expect(try JSONValue(parsing: "[[[\"]}[[[[\\\"[[\"]]]", limits: limits) == [[["]}[[[[\"[["]]])
        let deep = #expect(throws: JSONError.self) { try JSONValue(parsing: "[[\n [{}]]]", limits: limits) }
        #expect(deep?.line == 2)
        #expect(deep?.column == 3)
        #expect(throws: JSONError.self) { try JSONValue(parsing: "\"aaaaaaaaaaaaaaaaaaaa\"", limits: limits) }
        #expect(throws: JSONError.self) {
            try JSONValue(parsing: Array(repeating: UInt8(ascii: "["), count: 1 << 20))
        }
    }

    @Test("parses or refuses any bytes without a crash")
    func anyBytes() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("{}[]\",:0123456789.eE+-\\ntrufalse \n\u{7F}".utf8) + [0, 0xC3, 0xA9, 0xFF]
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in alphabet.randomElement() ?? 0 }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            #expect((try? JSONValue(parsing: value.encoded())) == value, "\(bytes)")
        }
    }

    @Test("writes as Go's encoding/json does, in one line or indented by four spaces")
    func written() {
        let value: JSONValue = [
            "b": [1, -2.5], "a": ["x": "\"\\/\n\t\u{1}é"], "none": [], "empty": [:], "null": .null,
        ]
        #expect(
            String(decoding: value.encoded(), as: UTF8.self)
                == #"{"b":[1,-2.5],"a":{"x":"\"\\/\n\t\u0001é"},"none":[],"empty":{},"null":null}"#)
        #expect(
            String(decoding: value.encoded(indent: 4), as: UTF8.self) == #"""
                {
                    "b": [
                        1,
                        -2.5
                    ],
                    "a": {
                        "x": "\"\\/\n\t\u0001é"
                    },
                    "none": [],
                    "empty": {},
                    "null": null
                }
                """#)
    }

    @Test("an object keeps its order, replaces values in place and removes keys that are set to nil")
    func object() {
        for many in [3, 40] {
            var object = JSONObject((0..<many).map { ("k\($0)", .integer(Int64($0))) })
            object["k1"] = "new"
            object["last"] = true
            object["k0"] = nil
            #expect(object.keys == (1..<many).map { "k\($0)" } + ["last"])
            #expect(object["k1"] == "new")
            #expect(object["k0"] == nil)
            #expect(object["last"] == true)
            #expect(object["k\(many - 1)"] == .integer(Int64(many - 1)))
        }
        #expect(JSONObject([("a", 1), ("b", 2)]) == JSONObject([("b", 2), ("a", 1)]))
        #expect(JSONObject([("a", 1), ("b", 2)]) != JSONObject([("a", 1), ("b", 3)]))
        #expect(JSONObject([("a", 1)]) != JSONObject([("b", 1)]))
    }
}
