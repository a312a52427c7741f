import JSON
import Testing
import TextFormats

@Suite("YAML")
struct YAMLTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(yaml: Array(text.utf8)) }

    @Test("reads kubelet's configuration")
    func kubelet() throws {
        let value = try parse(
            """
            apiVersion: kubelet.config.k8s.io/v1beta1
            kind: KubeletConfiguration
            runtimeRequestTimeout: 10m0s
            maxPods: 110
            failSwapOn: false
            evictionHard: {memory.available: "100Mi"}
            clusterDNS:
            - 10.96.0.10
            quoted: "5"
            nothing:
            ratio: 0.5
            """)
        #expect(
            value == [
                "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
                "runtimeRequestTimeout": "10m0s", "maxPods": 110, "failSwapOn": false,
                "evictionHard": ["memory.available": "100Mi"], "clusterDNS": ["10.96.0.10"], "quoted": "5",
                "nothing": .null, "ratio": 0.5,
            ] as JSONValue)
    }

    @Test("reads JSON, an empty text, and the first of several documents")
    func forms() throws {
        #expect(try parse(#"{"a": [1, null, "x\n"]}"#) == ["a": [1, .null, "x\n"]])
        #expect(try parse("") == .null)
        #expect(try parse("# only a comment\n") == .null)
        #expect(try parse("a: 1\n---\nb: 2\n") == ["a": 1])
        #expect(try parse("1979-05-27") == "1979-05-27")
        #expect(try parse("0x1p3") == "0x1p3")
    }

    @Test(
        "refuses what a short text could grow with, and what is not YAML",
        arguments: [
            ("a: &x 1\nb: *x", "aliases"), ("a: !!python/object x", "aliases"), ("a: 1\na: 2", "twice"),
            ("? [1]\n: 2", "not a scalar"), ("a: [1", "expected"), ("\u{7}", "control characters"),
        ])
    func refusals(text: String, reason: String) throws {
        let error = try #require(throws: TextFormatError.self) { try parse(text) }
        #expect(error.reason.contains(reason), "\(error)")
    }

    @Test("ends within its limits: size, depth, number of values")
    func limits() {
        for text in [
            String(repeating: "#", count: (1 << 20) + 1), String(repeating: "[", count: 5000),
            "[" + String(repeating: "1,", count: 20_001) + "]",
        ] {
            #expect(throws: TextFormatError.self) { try parse(text) }
        }
        #expect(throws: TextFormatError.self) { try JSONValue(yaml: [0x61, 0x3A, 0x20, 0xFF]) }
    }
}
