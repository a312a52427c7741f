import JSON
import LinuxIO
import TestSupport
import Testing
import TextFormats

/// Python's own readers, as a second opinion.
@Suite("TOML and YAML, compared with Python's readers")
struct PythonTests {
    private static let python = "/usr/bin/python3"

    /// What Python makes of `text`, as JSON; nil if it refuses the text.
    private func read(_ text: String, with expression: String, _ module: String) async throws -> JSONValue? {
        let script = """
            import json, sys, \(module)
            text = sys.stdin.buffer.read().decode()
            try: value = \(expression)
            except Exception: sys.exit(3)
            json.dump(value, sys.stdout, default=str)
            """
        let run = try await onLoop { loop in
            let options = ChildProcess.Options(executable: Self.python, arguments: ["-c", script])
            return try await ProgramRun.of(options, input: Array(text.utf8), on: loop)
        }
        if run.status == .exited(1) { try Test.cancel("needs Python 3.11 with \(module)") }
        return run.status == .exited(0) ? try JSONValue(parsing: run.output) : nil
    }

    @Test(
        "TOML has the same values, and is refused where Python refuses it",
        .enabled(if: Files.isExecutable(Self.python), "needs Debian's python3"),
        arguments: [
            "a.b.c = 1\n[a.d]\nx = [1, 2.5, \"s\", {y = true}]\n[[l]]\nn = 1\n[[l]]\nn = 2\n",
            "s = \"a\\tb\\u00e9\\\\\"\nl = '''raw \\n\n'''\nm = \"\"\"\none \\\n   two\"\"\"\n",
            "h = 0xDEAD_BEEF\no = 0o17\nb = 0b11\nf = -1.5e-3\n", "[t]\n[t.u]\n[t]\n", "a = 1\na.b = 2\n", "a = [1,,2]",
            "a = 01x",
            "\"quoted key\".'x' = 1 # c\n", "a = {b = 1, c = {d = 2}}\n[a.e]\n", "[a]\nb.c = 1\n[a.b]\nd = 2\n", "a\n",
            "= 1", "",
            "[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n", "a = \"x\ny\"", "a = 'x", "[a]]\n",
            "a = [\n 1,\n # c\n 2,\n]\n",
        ])
    func toml(text: String) async throws {
        let expected = try await read(text, with: "tomllib.loads(text)", "tomllib")
        #expect((try? JSONValue(toml: Array(text.utf8))) == expected, "\(text)")
    }

    @Test(
        "YAML has the same values",
        .enabled(if: Files.isExecutable(Self.python), "needs Debian's python3"),
        arguments: [
            "a: 1\nb: [x, 'y', \"z\\n\"]\nc:\n  - d: null\n  - e: ~\nf: 1.5\ng: true\n", "- 1\n- -2\n- \"3\"\n",
            "block: |\n  one\n  two\nfolded: >\n  a\n  b\n", "{a: {b: {c: [1, [2]]}}}", "a: b: c", "a: [",
            "'k': \"\\u00e9\"\n",
        ])
    func yaml(text: String) async throws {
        let expected = try await read(text, with: "yaml.safe_load(text)", "yaml")
        #expect((try? JSONValue(yaml: Array(text.utf8))) == expected, "\(text)")
    }
}
