import LinuxIO
import TestSupport
import Testing

@testable import Configuration

@Suite("A settings file")
struct SettingsFileTests {
    private static let command = Command(
        "tool serve", summary: "serve", defaults: Options(),
        sections: [.init("Flags", Options.settings)], settingsFile: "socket")

    private func options(_ arguments: String..., environment: [String: String] = [:]) throws -> Options {
        guard case .run(let options, _) = try Self.command.parse(arguments, environment: environment) else {
            throw ConfigurationError("help")
        }
        return options
    }

    @Test("overrides the environment, and a flag overrides the file")
    func order() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/settings"
        try DurableFile.write(Array("PORT=1\nTAGS=a=b\n".utf8), to: path)
        let file = try options("-socket", path, environment: ["PORT": "2", "VERIFY": "true"])
        #expect(file.port == 1)
        #expect(file.verify)
        #expect(file.tags == ["a": "b"])
        #expect(try options("-port", "3", environment: ["SOCKET": path]).port == 3)
    }

    @Test("has lines NAME=VALUE, comments and quotes, as EnvironmentFile")
    func lines() throws {
        let text = "# c\n; c\n\n A = b c \r\nB=\"x y\"\nC='it''s'\nD=\nE=a=b\n_F1=\"\n"
        let expected = ["A": "b c", "B": "x y", "C": "it''s", "D": "", "E": "a=b", "_F1": "\""]
        #expect(try SettingsFile.parse(text, "f") == expected)
    }

    @Test("names each line that is not a setting")
    func faults() {
        #expect(
            throws: ConfigurationError([
                "line 1 of f is not NAME=VALUE", "line 3 of f is not NAME=VALUE", "line 4 of f is not NAME=VALUE",
            ])
        ) { try SettingsFile.parse("export A=b\nB=c\n1A=b\n=x", "f") }
    }

    @Test("may be a directory with a file for each variable, such as a mounted ConfigMap")
    func directory() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectories("\(directory.path)/..2026")
        try DurableFile.write(Array("7\n".utf8), to: "\(directory.path)/..2026/PORT")
        try Files.link("..2026", at: "\(directory.path)/..data")
        try Files.link("..data/PORT", at: "\(directory.path)/PORT")
        try DurableFile.write(Array("ignored".utf8), to: "\(directory.path)/README.md")
        #expect(try SettingsFile.read(directory.path) == ["PORT": "7"])
    }

    @Test("is refused when it is missing, too large or not text")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/settings"
        #expect(throws: ConfigurationError.self) { try options("-socket", path) }
        for bytes in [[UInt8](repeating: 0x61, count: 300 << 10), [0xff, 0xfe], Array("A=\0".utf8)] {
            try DurableFile.write(bytes, to: path)
            #expect(throws: ConfigurationError.self) { try SettingsFile.read(path) }
        }
    }
}
