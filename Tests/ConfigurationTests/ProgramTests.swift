import Configuration
import Synchronization
import Testing

/// A program, and what it said.
private final class Stage: Sendable {
    private let texts = Mutex((standard: "", error: ""))

    func run(
        _ arguments: String..., main: Bool = false, environment: [String: String] = [:]
    ) -> (status: Int32, output: String, error: String) {
        let serve = Program.Entry("serve", Options.command) { options, _, _ throws(ConfigurationError) in
            guard options.port != 13 else { throw ConfigurationError("13 brings bad luck") }
            return Int32(options.port % 256)
        }
        let simple = Command(
            "tool", summary: "be simple", defaults: Options(), sections: [.init("Flags", Options.settings)])
        let program = Program(
            "tool", version: "1.2.3", summary: "does things", entries: [serve],
            main: main ? Program.Entry("", simple) { _, _, _ in 42 } : nil,
            output: .init(
                standard: { text in self.texts.withLock { $0.standard += text } },
                error: { text in self.texts.withLock { $0.error += text } }))
        let status = program.run(arguments, environment: environment)
        return texts.withLock { (status, $0.standard, $0.error) }
    }
}

@Suite("A program")
struct ProgramTests {
    @Test("runs the command that is named, with its flags")
    func command() {
        #expect(Stage().run("serve", "-port=7") == (7, "", ""))
    }

    @Test("without arguments, or with an unknown command, shows help on standard error and fails")
    func unknown() {
        for (status, output, error) in [Stage().run(), Stage().run("aws"), Stage().run("-port=7")] {
            #expect(status == 1)
            #expect(output.isEmpty)
            #expect(error.contains("Usage: tool COMMAND [flags]"))
        }
        #expect(Stage().run("aws").error.hasPrefix("tool: there is no command \"aws\"\n"))
    }

    @Test("shows a given text without characters that control the terminal")
    func hostileText() {
        let error = Stage().run("aws\u{1b}[2J\u{202e}").error
        #expect(error.hasPrefix("tool: there is no command \"aws\\u001b[2J\\u202e\"\n\n"))
    }

    @Test("fails with the error of a refused flag or variable")
    func refused() {
        let (status, output, error) = Stage().run("serve", "-port=x")
        #expect(status == 1)
        #expect(output.isEmpty)
        #expect(error.hasPrefix("tool serve: the value \"x\" of -port is not accepted"))
        #expect(error.hasSuffix("\nTry tool serve -help for all flags.\n"))
        #expect(Stage().run("serve", "-port=13").error.hasPrefix("tool serve: 13 brings bad luck\n"))
    }

    @Test("help and version go to standard output and succeed")
    func help() {
        #expect(Stage().run("version") == (0, "tool 1.2.3\n", ""))
        #expect(Stage().run("help").output == Stage().run("-help").output)
        #expect(Stage().run("help", "serve").output == Options.command.help)
        #expect(Stage().run("serve", "-help") == (0, Options.command.help, ""))
        #expect(
            Stage().run("help").output == """
                Usage: tool COMMAND [flags]

                Does things.

                Commands:
                  serve             serve
                  help [COMMAND]    show how to use a command
                  version           show the version
                  completion SHELL  print the completion for bash, zsh or fish

                """)
    }

    @Test("an unknown command gives an error that says so, whatever flags follow")
    func unavailable() {
        let said = Mutex("")
        let program = Program(
            "tool", version: "1", summary: "s",
            entries: [.init("fly", summary: "fly (not yet)", unavailable: "it has no wings")],
            output: .init(standard: { _ in }, error: { text in said.withLock { $0 += text } }))
        #expect(program.run(["fly", "-high", "x"], environment: [:]) == 1)
        #expect(said.withLock { $0 }.hasPrefix("tool fly: it has no wings\n"))
        #expect(program.help.contains("fly (not yet)"))
    }

    @Test("the main command gets every command line that does not name another command")
    func main() {
        #expect(Stage().run(main: true).status == 42)
        #expect(Stage().run("-port=7", main: true).status == 42)
        #expect(Stage().run("serve", "-port=7", main: true).status == 7)
        #expect(Stage().run("-help", main: true).output.contains("Usage: tool [flags]"))
    }

    @Test("help shows each flag with its variable and its default, in lines of at most 80 characters")
    func helpText() {
        #expect(
            Options.command.help == """
                Usage: tool serve [flags] [FILE...]

                Serve.

                Flags:
                  -socket PATH            Where it listens. [environment SOCKET, default
                                          /run/x.sock]
                  -port N                 The TCP port. [environment PORT, default 15150]
                  -proxy-timeout DURATION
                                          Time. [environment TIMEOUT, default 5m]
                  -verify                 Checks first. [environment VERIFY]
                  -cidrs A,B,...          Extra routes. [environment CIDRS]
                  -tags K=V,...           Tags. [environment TAGS]
                  -key SECRET             The key. [environment KEY]
                  -level debug|info|warning|error
                                          How much is logged. [default info]

                """)
    }
}
