import Encoding
import LinuxIO
import TLS
import TestSupport
import Testing

@testable import PodVMBoot

@Suite("InitdataContent")
struct InitdataContentTests {
    private static let head = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n"

    private static func content(_ text: String) throws -> InitdataContent {
        try InitdataContent(Initdata(text: Array(text.utf8)))
    }

    @Test("has the files in their order, and the digest of the exact text")
    func files() throws {
        let text =
            Self.head + "[data]\n\"aa.toml\" = '''\n[token_configs]\n'''\n\"policy.rego\" = \"package agent_policy\"\n"
        let content = try Self.content(text)
        #expect(content.files.map(\.name) == ["aa.toml", "policy.rego"])
        #expect(content.files.first?.content == "[token_configs]\n")
        #expect(content.algorithm == .sha256)
        // printf 'algorithm = "sha256"\nversion = "0.1.0"\n[data]\n' | sha256sum
        #expect(
            Hexadecimal.encode(try Self.content(Self.head + "[data]\n").digest())
                == "251fa8cb4284adc7a40a26b2c4ba5cc8c967da2a81598d042f7d9ada810921c1")
    }

    @Test(
        "refuses another version, another algorithm, unknown keys and tables, and what is missing",
        arguments: [
            "algorithm = \"sha256\"\nversion = \"0.2.0\"\n[data]\n",
            "algorithm = \"md5\"\nversion = \"0.1.0\"\n[data]\n",
            "version = \"0.1.0\"\n[data]\n", "algorithm = \"sha256\"\n[data]\n", head, head + "extra = \"x\"\n[data]\n",
            head + "[data]\n[more]\n", head + "[other]\n", "[data]\n" + head,
        ])
    func refused(text: String) throws {
        let error = #expect(throws: BootError.self) { try Self.content(text) }
        #expect(error?.code == .malformed)
    }

    /// Forms that a reader could understand differently than another one, or that this reader does not know.
    private static let unknownForms = [
        "data.\"aa.toml\" = \"x\"\n", "[data]\naa.toml = \"x\"\n", "[[data]]\n", "[data]\nx = 1\n",
        "[data]\nx = true\n",
        "[data]\nx = [\"a\"]\n", "[data]\nx = {a = \"b\"}\n", "[data]\nx = \"a\" y = \"b\"\n", "[data]\nx = \"a\"\r\n",
        "[data]\nx = \"a\"\nx = \"b\"\n", "[data]\n[data]\n", "[data]\nx = \"\\q\"\n", "[data]\nx = \"\\ud800\"\n",
        "[data]\nx = \"\\u00g0\"\n", "[data]\nx = \"\\e\"\n", "[data]\nx = \"\\x41\"\n", "[data]\nx = \"a\n",
        "[data]\nx = '''a\n",
        "[data]\nx = \"\"\"a\"\"\"\"\"\"\n", "[data]\nx\n", "[data]\n= \"a\"\n", "[data\n", "[ data ] x\n",
        "[data]\n\"a\u{0}\" = \"\"\n",
        "[data]\nx = \"\u{1}\"\n", "[data]\n# \u{1}\n", "[data]\nx = a\n",
    ]

    @Test("refuses every form of TOML that initdata does not need", arguments: unknownForms)
    func unknown(form: String) throws {
        #expect(throws: (any Error).self) { try Self.content(Self.head + form) }
    }

    private static let forms = [
        "# a comment\n\n[data] # another\n", "[data]\n\tx = \"a\\tb\\n\\\"\\\\ \\u00e9 \\U0001F600\"   # comment\n",
        "[ data ]\n'a \"b' = 'C:\\n'\n", "[\"data\"]\nx = \"\"\ny = ''\n",
        "[data]\nx = \"\"\"\n\na\\\n   b\n\n  \"\" c\"\"\"\n",
        "[data]\nx = \"\"\"a\"\"\"\"\"\ny = '''b'''''\n", "[data]\nx = '''\n'' \\ '\n'''\nz-1_2 = \"é\"",
        "[data]\nx = \"\"\"\\\n\n  \t\n a\\\n\"\"\"\n",
        "[data]\nx = \"a#b\"\n\"\" = \"empty key\"\n",
    ]

    private static let python: String? = ["/usr/bin/python3", "/usr/local/bin/python3"].first(where: Files.isExecutable)

    @Test(
        "reads every allowed form as Python's tomllib does", .enabled(if: python != nil, "needs python3"),
        arguments: forms)
    func tomllib(form: String) async throws {
        let text = Self.head + form
        let files = try Self.content(text).files
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let document = try directory.write(text, to: "document")
            // Prints each key and value in hexadecimal.
            let script = """
                import sys, tomllib
                data = tomllib.load(open(sys.argv[1], 'rb')).get('data', {})
                for key, value in data.items(): print('k' + key.encode().hex(), 'v' + value.encode().hex())
                """
            var options = ChildProcess.Options(
                executable: try #require(Self.python), arguments: ["-c", script, document])
            options.output = .file(path: directory.path + "/output")
            let status = try await ChildProcess.start(options, on: loop).wait()
            #expect(status == .exited(0), "tomllib refuses \(text)")
            let output = String(
                decoding: try DurableFile.read(directory.path + "/output", limit: 1 << 16), as: UTF8.self)
            let ours = files.map {
                "k\(Hexadecimal.encode(Array($0.name.utf8))) v\(Hexadecimal.encode(Array($0.content.utf8)))\n"
            }
            #expect(output == ours.joined())
        }
    }

    @Test("a text that is cut anywhere is read or refused, and never crashes the reader")
    func cut() {
        for form in Self.forms + Self.unknownForms {
            let bytes = Array((Self.head + form).utf8)
            for length in 0..<bytes.count { _ = try? TOMLDocument(Array(bytes.prefix(length))) }
            for index in 0..<bytes.count {
                var changed = bytes
                changed[index] = UInt8(ascii: "\"")
                _ = try? TOMLDocument(changed)
            }
        }
    }
}
