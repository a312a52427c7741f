import LinuxIO
import TestSupport
import Testing

@testable import Configuration

/// A program with the commands that completion has to tell apart.
private enum Sample {
    static let pod = Command(
        "tool explain", summary: "explain a pod's VM", operands: "POD", defaults: Options(),
        sections: [.init("Flags", Options.settings)])
    static let named = Command(
        "tool check node", summary: "check this node", defaults: Options(),
        sections: [.init("Flags", Options.settings + Options.innerSettings.map { $0.within(\.inner) })])

    static func run(_ arguments: [String], main: Bool = false) -> String {
        let said = Lock("")
        let program = Program(
            "tool", version: "1.2.3", summary: "do things",
            entries: main
                ? []
                : [
                    .init("serve", Options.command) { _, _, _ in 0 }, .init("explain", pod) { _, _, _ in 0 },
                    .init("check node", named) { _, _, _ in 0 }, .init("check azure", named) { _, _, _ in 0 },
                    .init("fly", summary: "fly", unavailable: "no wings"),
                ],
            main: main ? .init("", Options.command) { _, _, _ in 0 } : nil, manualSection: 1,
            output: .init(standard: { text in said.withLock { $0 += text } }, error: { _ in }))
        _ = program.run(arguments, environment: [:])
        return said.withLock { $0 }
    }

    static func complete(_ words: String..., main: Bool = false) -> [String] {
        run(["__complete"] + words, main: main).split(separator: "\n").map {
            String($0.prefix { $0 != "\t" })
        }
    }
}

@Suite("The completion of command lines")
struct CompletionTests {
    @Test("offers the commands, then the second words, then the flags")
    func commands() {
        #expect(Sample.complete("") == ["serve", "explain", "check", "help", "version", "completion", ":4"])
        #expect(Sample.complete("e") == ["explain", ":4"])
        #expect(Sample.complete("check", "") == ["node", "azure", ":4"])
        #expect(Sample.complete("check", "node", "-p") == ["-port", "-proxy-timeout", ":4"])
        #expect(Sample.complete("check", "node", "--p") == ["--port", "--proxy-timeout", ":4"])
        #expect(Sample.complete("help", "check", "n") == ["node", ":4"])
        #expect(Sample.complete("completion", "") == ["bash", "zsh", "fish", ":4"])
        #expect(Sample.complete("fly", "") == [":4"])
        #expect(Sample.run(["__complete", "check", "n"]) == "node\tcheck this node\n:4\n")
    }

    @Test("offers the values of a flag, and file names where a path stands")
    func values() {
        #expect(Sample.complete("check", "node", "-level", "") == ["debug", "info", "warning", "error", ":4"])
        #expect(Sample.complete("check", "node", "-level=w") == ["-level=warning", ":4"])
        #expect(Sample.complete("check", "node", "-verify=") == ["-verify=true", "-verify=false", ":4"])
        #expect(Sample.complete("check", "node", "-socket", "/r") == [":0"])
        #expect(Sample.complete("check", "node", "-port", "") == [":4"])
        #expect(Sample.complete("check", "node", "-verify", "-po") == ["-port", ":4"])
    }

    @Test("offers files for operands, except for pods, and no flags after --")
    func operands() {
        #expect(Sample.complete("serve", "") == [":0"])
        #expect(Sample.complete("serve", "--", "-p") == [":0"])
        #expect(Sample.complete("serve", "x", "-p") == [":0"])
        #expect(Sample.complete("explain", "") == [":4"])
    }

    @Test("a program with one command offers that command's flags")
    func main() {
        #expect(Sample.complete("-po", main: true) == ["-port", ":4"])
        #expect(Sample.complete("-level", "i", main: true) == ["info", ":4"])
    }

    @Test(
        "no command line is a fault: empty, unknown and hostile words",
        arguments: ["", "-", "--", "-=", "\u{1b}[2J", "-x"])
    func odd(word: String) {
        for words in [[word], ["serve", word, word], ["nothing", word], [word, "serve"]] {
            #expect(Sample.run(["__complete"] + words).hasSuffix("\n"))
        }
        #expect(Sample.run(["__complete"]).hasSuffix(":4\n"))
    }
}

/// The scripts in the shells that they are for.
@Suite("The completion's scripts")
struct CompletionScriptTests {
    private static func path(_ shell: String) -> String { shell == "bash" ? "/bin/bash" : "/usr/bin/\(shell)" }

    /// Runs a shell on a script file; what it prints.
    private func run(_ shell: String, _ arguments: [String], in directory: TemporaryDirectory) async throws -> (
        output: String, isGood: Bool
    ) {
        let options = { (path: String) in
            var options = ChildProcess.Options(executable: Self.path(shell), arguments: arguments)
            options.environment = ["PATH": "\(path):/usr/bin:/bin", "HOME": path]
            return options
        }(directory.path)
        return try await onLoop { loop in
            let run = try await ProgramRun.of(options, on: loop)
            return (run.text + run.errorText, run.status == .exited(0))
        }
    }

    /// A directory with the script, and with a program `tool` that answers as the real one does for `-level=w`.
    private func stage(_ shell: String) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        _ = try directory.write(Sample.run(["completion", shell]), to: "script")
        _ = try directory.write(
            """
            #!/bin/bash
            printf '%s\\n' "$*" >>"$HOME/asked"
            case "$*" in
            '__complete check node -level=w') printf '%s\\n' '-level=warning' :4 ;;
            '__complete check ') printf '%s\\t%s\\n' node 'check: this' azure 'or that'; echo :4 ;;
            *) echo :4 ;;
            esac
            """, to: "tool")
        try Files.setPermissions(0o755, of: directory.path + "/tool")
        return directory
    }

    @Test(
        "are valid for the shell",
        arguments: ["bash", "zsh", "fish"])
    func syntax(shell: String) async throws {
        guard Files.isExecutable(Self.path(shell)) else { try Test.cancel("needs Debian's \(shell)") }
        let directory = try stage(shell)
        let run = try await run(shell, ["-n", directory.path + "/script"], in: directory)
        #expect(run.isGood && run.output.isEmpty, "\(run.output)")
    }

    @Test("bash offers the program's words, also after an equals sign")
    func bash() async throws {
        let directory = try stage("bash")
        let script = """
            set -u; source \(directory.path)/script
            COMP_WORDS=(tool check ''); COMP_CWORD=2; _tool; echo "${COMPREPLY[*]}"
            COMP_WORDS=(tool check node -level = w); COMP_CWORD=5; _tool; echo "${COMPREPLY[*]}"
            COMP_WORDS=(tool x); COMP_CWORD=1; _tool; echo "${#COMPREPLY[@]}"
            """
        let run = try await run("bash", ["-c", script], in: directory)
        #expect(run.output == "node azure\nwarning\n0\n")
    }

    @Test("fish offers the program's words with their meaning")
    func fish() async throws {
        guard Files.isExecutable(Self.path("fish")) else { try Test.cancel("needs Debian's fish") }
        let directory = try stage("fish")
        let run = try await run(
            "fish", ["--no-config", "-c", "source \(directory.path)/script; complete -C 'tool check '"], in: directory)
        #expect(run.output == "azure\tor that\nnode\tcheck: this\n")
    }

    @Test("zsh offers the program's words")
    func zsh() async throws {
        guard Files.isExecutable(Self.path("zsh")) else { try Test.cancel("needs Debian's zsh") }
        let directory = try stage("zsh")
        // Outside of the line editor, _describe is replaced: it prints what it gets.
        let script = """
            compdef() { : }; _describe() { print -rl -- ${(P)3} }
            source \(directory.path)/script
            words=(tool check ''); CURRENT=3; _tool
            """
        let run = try await run("zsh", ["-f", "-c", script], in: directory)
        #expect(run.output == "node:check: this\nazure:or that\n")
    }

    @Test("a shell that is not known is an error that names the known ones")
    func unknown() {
        let said = Lock("")
        let program = Program(
            "tool", version: "1", summary: "s", entries: [],
            output: .init(standard: { _ in }, error: { text in said.withLock { $0 += text } }))
        #expect(program.run(["completion", "tcsh"], environment: [:]) == 1)
        #expect(said.withLock { $0 } == "tool completion: name a shell, one of bash, zsh, fish\n")
    }
}

@Suite("The manual page")
struct ManualPageTests {
    @Test("has each command with its flags, variables and defaults")
    func content() {
        let page = Sample.run(["man"])
        #expect(page.hasPrefix(".TH TOOL 1 \"\" \"tool 1.2.3\" \"User Commands\"\n.SH NAME\ntool \\- do things\n"))
        #expect(page.contains(".SS \"tool check node\"\nCheck this node.\n"))
        #expect(page.contains(".TP\n.B \\-port \\fIN\\fR\nThe TCP port. Environment: PORT. Default: 15150.\n"))
        #expect(page.contains(".B tool explain\n[\\fIflags\\fR]\nPOD\n"))
        #expect(!page.contains("fly"))
    }

    @Test("shows text literally, whatever characters it has")
    func escapes() {
        #expect(ManualPage.plain(".TH a\\b -c \"d\" é→") == "\\&.TH a\\eb \\-c \\(dqd\\(dq \\[u00E9]\\[u2192]")
        #expect(ManualPage.plain("'quote'") == "\\&\\(aqquote\\(aq")
    }

    @Test(
        "is accepted by groff and mandoc without a warning",
        arguments: [
            ["/usr/bin/groff", "-man", "-Tutf8", "-ww", "-z"], ["/usr/bin/mandoc", "-T", "lint", "-W", "warning"],
        ])
    func tools(command: [String]) async throws {
        guard Files.isExecutable(command[0]) else { try Test.cancel("needs \(command[0])") }
        let directory = try TemporaryDirectory()
        for main in [false, true] {
            let page = try directory.write(Sample.run(["man"], main: main), to: "tool.1")
            let output = try await onLoop { loop in
                let options = ChildProcess.Options(
                    executable: command[0], arguments: Array(command.dropFirst()) + [page])
                let run = try await ProgramRun.of(options, on: loop)
                return run.text + run.errorText
            }
            // The page has no date, so that two builds give the same bytes.
            let problems = output.split(separator: "\n").filter { !$0.contains("missing date") }
            #expect(problems.isEmpty, "\(output)")
        }
    }
}
