import Configuration
import Testing

@Suite("Repeated pairs")
struct EntryFormatTests {
    private struct Options {
        var annotations = ["kept": "until one is given"]
    }

    private let command = Command(
        "tool", summary: "be a tool", defaults: Options(),
        sections: [.init("Flags", [Setting("annotation", \Options.annotations, .entry, "What to note.")])])

    private func annotations(_ arguments: String...) throws -> [String: String]? {
        guard case .run(let options, _) = try command.parse(arguments, environment: [:]) else { return nil }
        return options.annotations
    }

    @Test("a pair is not changed, and a later pair replaces an earlier one with the same key")
    func asItIs() throws {
        #expect(
            try annotations("-annotation", "a= x, y=z ", "-annotation=b=", "-annotation", "b=2")
                == ["a": " x, y=z ", "b": "2"])
    }

    @Test("text that is not a pair is refused", arguments: ["owner", "=1", ""])
    func noPair(text: String) {
        #expect(throws: ConfigurationError.self) { try annotations("-annotation", text) }
    }
}
