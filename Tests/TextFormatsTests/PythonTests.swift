import JSON
import LinuxIO
import TestSupport
import Testing
import TextFormats

/// Python's own readers, as a second opinion.
@Suite("TOML and YAML, compared with Python's readers")
struct PythonTests {
    private static let python = "/usr/bin/python3"

    /// What Python makes of some texts, all read by one process.
    private struct Readings: Sendable {
        /// The value as JSON; nil if Python refuses the text.
        let values: [String: JSONValue?]

        /// nil if this Python has no such module.
        static func make(_ texts: [String], _ expression: String, _ module: String) async throws -> Readings? {
            let script = """
                import json, sys, \(module)
                def read(text):
                    try: return [\(expression)]
                    except Exception: return []
                json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout, default=str)
                """
            let input = JSONValue.array(texts.map { .string($0) }).encoded()
            let run = try await onLoop { loop in
                let options = ChildProcess.Options(executable: python, arguments: ["-c", script])
                return try await ProgramRun.of(options, input: input, on: loop)
            }
            if run.status == .exited(1) { return nil }
            #expect(run.status == .exited(0))
            let read = try #require(JSONValue(parsing: run.output).arrayValue)
            #expect(read.count == texts.count)
            return Readings(
                values: Dictionary(uniqueKeysWithValues: zip(texts, read.map { $0.arrayValue?.first })))
        }
    }

    private static let tomlTexts = [
        "a.b.c = 1\n[a.d]\nx = [1, 2.5, \"s\", {y = true}]\n[[l]]\nn = 1\n[[l]]\nn = 2\n",
        "s = \"a\\tb\\u00e9\\\\\"\nl = '''raw \\n\n'''\nm = \"\"\"\none \\\n   two\"\"\"\n",
        "h = 0xDEAD_BEEF\no = 0o17\nb = 0b11\nf = -1.5e-3\n", "[t]\n[t.u]\n[t]\n", "a = 1\na.b = 2\n", "a = [1,,2]",
        "a = 01x",
        "\"quoted key\".'x' = 1 # c\n", "a = {b = 1, c = {d = 2}}\n[a.e]\n", "[a]\nb.c = 1\n[a.b]\nd = 2\n", "a\n",
        "= 1", "",
        "[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n", "a = \"x\ny\"", "a = 'x", "[a]]\n",
        "a = [\n 1,\n # c\n 2,\n]\n",
    ]
    private static let yamlTexts = [
        "a: 1\nb: [x, 'y', \"z\\n\"]\nc:\n  - d: null\n  - e: ~\nf: 1.5\ng: true\n", "- 1\n- -2\n- \"3\"\n",
        "block: |\n  one\n  two\nfolded: >\n  a\n  b\n", "{a: {b: {c: [1, [2]]}}}", "a: b: c", "a: [",
        "'k': \"\\u00e9\"\n",
    ]
    private static let toml = Task { try await Readings.make(tomlTexts, "tomllib.loads(text)", "tomllib") }
    private static let yaml = Task { try await Readings.make(yamlTexts, "yaml.safe_load(text)", "yaml") }

    @Test(
        "TOML has the same values, and is refused where Python refuses it",
        .enabled(if: Files.isExecutable(Self.python), "needs Debian's python3"), arguments: tomlTexts)
    func toml(text: String) async throws {
        guard let readings = try await Self.toml.value else { try Test.cancel("needs Python 3.11") }
        let expected = try #require(readings.values[text])
        #expect((try? JSONValue(toml: Array(text.utf8))) == expected, "\(text)")
    }

    @Test(
        "YAML has the same values",
        .enabled(if: Files.isExecutable(Self.python), "needs Debian's python3"), arguments: yamlTexts)
    func yaml(text: String) async throws {
        guard let readings = try await Self.yaml.value else { try Test.cancel("needs Python's yaml") }
        let expected = try #require(readings.values[text])
        #expect((try? JSONValue(yaml: Array(text.utf8))) == expected, "\(text)")
    }
}
