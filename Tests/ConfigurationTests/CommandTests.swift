import Configuration
import Telemetry
import Testing

struct Inner: Equatable {
    var level = LogLevel.info
}

struct Options: Equatable {
    var socket = "/run/x.sock"
    var port = 15150
    var portSource: ValueSource?
    var timeout = Duration.seconds(300)
    var verify = false
    var cidrs: [String] = []
    var tags: [String: String] = [:]
    var key = Secret("")
    var inner = Inner()

    static let settings: [Setting<Options>] = [
        Setting("socket", environment: "SOCKET", \.socket, .path, "Where it listens."),
        Setting("port", environment: "PORT", \.port, .integer(in: 1...65535), "The TCP port.")
            .notingSource(at: \.portSource),
        Setting("proxy-timeout", environment: "TIMEOUT", \.timeout, .duration(in: .zero ... .seconds(3600)), "Time."),
        Setting("verify", environment: "VERIFY", \.verify, .bool, "Checks first."),
        Setting("cidrs", environment: "CIDRS", \.cidrs, .list, "Extra routes."),
        Setting("tags", environment: "TAGS", \.tags, .map, "Tags."),
        Setting("key", environment: "KEY", \.key, .secret, "The key."),
    ]
    static let innerSettings: [Setting<Inner>] = [
        Setting("level", \.level, .choice(LogLevel.allCases.map { ("\($0)", $0) }), "How much is logged.")
    ]
    static let command = Command(
        "tool serve", summary: "serve", operands: "[FILE...]", defaults: Options(),
        sections: [.init("Flags", settings + innerSettings.map { $0.within(\.inner) })])
}

/// What `arguments` and `environment` come to; nil for help.
func parse(
    _ arguments: String..., environment: [String: String] = [:]
) throws(ConfigurationError) -> (options: Options, operands: [String])? {
    switch try Options.command.parse(arguments, environment: environment) {
    case .help: nil
    case .run(let options, let operands): (options, operands)
    }
}

@Suite("Flags and environment")
struct CommandTests {
    @Test("a flag overrides its variable, which overrides the default")
    func precedence() throws {
        #expect(try parse()?.options == Options())
        #expect(try parse(environment: ["PORT": "1"])?.options.port == 1)
        #expect(try parse("-port", "2", environment: ["PORT": "1"])?.options.port == 2)
        #expect(try parse("-verify=false", environment: ["VERIFY": "true"])?.options.verify == false)
        #expect(try parse("-port", "2", environment: ["PORT": "junk"])?.options.port == 2)
    }

    @Test("an empty variable counts as unset")
    func emptyVariable() throws {
        #expect(try parse(environment: ["PORT": "", "SOCKET": "", "VERIFY": ""])?.options == Options())
        #expect(try parse("-socket=")?.options.socket == "")
    }

    @Test("flags have one dash or two, and a value after = or as the next argument")
    func spellings() throws {
        for arguments in [["-port", "7"], ["--port", "7"], ["-port=7"], ["--port=7"]] {
            guard case .run(let options, []) = try Options.command.parse(arguments, environment: [:]) else {
                Issue.record("\(arguments)")
                continue
            }
            #expect(options.port == 7)
        }
        #expect(try parse("-socket", "-port")?.options.socket == "-port")
        #expect(try parse("-socket=a=b")?.options.socket == "a=b")
        #expect(try parse("-port=1", "-port=2")?.options.port == 2)
    }

    @Test("a switch takes a value only after =", arguments: ["1", "t", "T", "TRUE", "true", "True"])
    func switches(yes: String) throws {
        #expect(try parse("-verify=\(yes)")?.options.verify == true)
        let alone = try parse("-verify", "false")
        #expect(alone?.options.verify == true)
        #expect(alone?.operands == ["false"])
        for no in ["0", "f", "F", "FALSE", "false", "False"] {
            #expect(try parse("-verify", "-verify=\(no)")?.options.verify == false)
        }
    }

    @Test("a switch's variable is true for true and 1, false for false and 0, in any case")
    func switchVariables() throws {
        for yes in ["1", "true", "True", "TRUE", "tRuE"] {
            #expect(try parse(environment: ["VERIFY": yes])?.options.verify == true, "\(yes)")
        }
        for no in ["0", "false", "False", "FALSE", "fAlSe"] {
            #expect(try parse("-port=1", environment: ["VERIFY": no])?.options.verify == false, "\(no)")
        }
    }

    @Test(
        "a switch's variable takes no text that the Go adaptor reads as false",
        arguments: [
            "t", "T", "y", "yes", "on", " true", "true ", "true\n", "1 ", "01", "+1", "2", "f", "no", "truе", "ｔrue",
        ])
    func otherSwitchVariables(text: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try parse(environment: ["VERIFY": text]) }
        #expect(error?.description.contains("VERIFY") == true)
        #expect(error?.description.contains("true or false (or 1, 0)") == true)
    }

    @Test("a setting can record where its value was given")
    func sources() throws {
        func source(_ arguments: [String], _ environment: [String: String] = [:]) throws -> ValueSource? {
            guard case .run(let options, _) = try Options.command.parse(arguments, environment: environment) else {
                return nil
            }
            return options.portSource
        }
        #expect(try source([]) == nil)
        #expect(try source([], ["PORT": ""]) == nil)
        #expect(try source([], ["PORT": "1"]) == .environment)
        #expect(try source(["-port=1"]) == .flag)
        #expect(try source(["-port=1"], ["PORT": "1"]) == .flag)
    }

    @Test("the first argument that is not a flag ends the flags, and so does --")
    func end() throws {
        #expect(try parse("-port=1", "file", "-port=2")?.operands == ["file", "-port=2"])
        #expect(try parse("--", "-port=2")?.operands == ["-port=2"])
        #expect(try parse("-", "-port=2")?.operands == ["-", "-port=2"])
        #expect(try parse("", "x")?.operands == ["", "x"])
        #expect(try parse("-port=1", "file", "-port=2")?.options.port == 1)
    }

    @Test("lists and maps collect the values of the variable and of every flag")
    func appending() throws {
        let environment = ["CIDRS": "10.0.0.0/8, 10.1.0.0/16,", "TAGS": "a=1, b = 2"]
        let options = try parse("-cidrs", "c", "-cidrs=d", "-tags", "b=3,c=x=y", environment: environment)?.options
        #expect(options?.cidrs == ["10.0.0.0/8", "10.1.0.0/16", "c", "d"])
        #expect(options?.tags == ["a": "1", "b": "3", "c": "x=y"])
    }

    @Test("numbers may have another base", arguments: [("0x10", 16), ("0b11", 3), ("0o17", 15), (" 8 ", 8), ("+9", 9)])
    func bases(text: String, value: Int) throws {
        #expect(try parse("-port", text)?.options.port == value)
    }

    @Test("the settings of a group change the fields of the group")
    func within() throws {
        #expect(try parse("-level", "WARNING")?.options.inner.level == .warning)
    }

    @Test("the help breaks long lines, and the lines of an example keep their indentation")
    func examples() {
        let words = Array(repeating: "word", count: 30).joined(separator: " ")
        let command = Command(
            "x", summary: "do it", details: "\(words)\n\n    x -flag\n    \(words)", defaults: Options(), sections: [])
        let lines = command.help.split(separator: "\n")
        #expect(lines.contains("    x -flag"))
        #expect(lines.allSatisfy { $0.count <= 80 })
        #expect(lines.filter { $0.hasPrefix("    word word") }.count == 2)
        #expect(lines.filter { $0.hasPrefix("word word") }.count == 2)
    }

    @Test("-help or -h at any place among the flags asks for help", arguments: ["-h", "--h", "-help", "--help"])
    func help(flag: String) throws {
        #expect(try parse("-port=1", flag) == nil)
    }

    @Test("the value of a secret is never shown")
    func secrets() throws {
        let options = try #require(try parse("-key=hunter2", environment: ["KEY": "swordfish"])?.options)
        #expect(options.key.reveal() == "hunter2")
        let values = Options.command.values(of: options)
        #expect(values.contains { $0.name == "key" && $0.value == "‹secret›" })
        #expect(values.contains { $0.name == "proxy-timeout" && $0.value == "5m" })
        #expect(!"\(values)".contains("hunter2"))
        #expect(!"\(Options.command.help)".contains("hunter2"))
    }
}

@Suite("Refused flags and variables")
struct RefusalTests {
    @Test(
        "the error says where the value was given, what is wrong and which values are allowed",
        arguments: [
            (["-port", "0"], "\"0\" of -port", "a whole number from 1 to 65535"),
            (["-port", "12x"], "\"12x\" of -port", "a whole number from 1 to 65535"),
            (["-port", "0x-1"], "\"0x-1\" of -port", "a whole number"),
            (["-port", "99999999999999999999"], "of -port", "a whole number"),
            (["-verify=yes"], "\"yes\" of -verify", "true or false"),
            (["-proxy-timeout", "300"], "\"300\" of -proxy-timeout", "such as 300s or 300m"),
            (["-proxy-timeout", "5 minutes"], "of -proxy-timeout", "units h, m, s, ms, us or ns"),
            (["-proxy-timeout", "2h"], "of -proxy-timeout", "a duration from 0s to 1h"),
            (["-proxy-timeout", "-1s"], "of -proxy-timeout", "a duration from 0s to 1h"),
            (["-proxy-timeout", ""], "of -proxy-timeout", "a duration such as 5m"),
            (["-tags", "owner"], "\"owner\" of -tags", "pairs such as"),
            (["-tags", "=1"], "of -tags", "pairs such as"),
            (["-level", "loud"], "\"loud\" of -level", "one of debug, info, warning, error"),
            (["-prot", "1"], "no flag -prot", ""),
            (["-proxy_timeout", "1"], "no flag -proxy_timeout", "is -proxy-timeout meant?"),
            (["-port"], "-port needs a value", "-port=value"),
            (["-=1"], "\"-=1\" is not a flag", "write -name"),
            (["---port"], "\"---port\" is not a flag", "write -name"),
        ])
    func flags(arguments: [String], what: String, instead: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try Options.command.parse(arguments, environment: [:])
        }
        #expect(error?.problems.count == 1)
        #expect(error?.description.contains(what) == true, "\(String(describing: error))")
        #expect(error?.description.contains(instead) == true, "\(String(describing: error))")
    }

    @Test("all invalid variables are named at once, secrets without their value")
    func variables() {
        let error = #expect(throws: ConfigurationError.self) {
            try Options.command.parse([], environment: ["PORT": "ten", "VERIFY": "yes", "TIMEOUT": "5"])
        }
        #expect(
            error?.problems == [
                "the value \"ten\" of the environment variable PORT (or -port) is not accepted: "
                    + "it takes a whole number from 1 to 65535",
                "the value \"5\" of the environment variable TIMEOUT (or -proxy-timeout) is not accepted: "
                    + "it takes a duration with a unit, such as 5s or 5m: a number needs a unit",
                "the value \"yes\" of the environment variable VERIFY (or -verify) is not accepted: "
                    + "it takes true or false (or 1, 0)",
            ])
    }

    @Test("arguments after the flags are refused when the command takes none")
    func surplus() {
        let command = Command("tool", summary: "s", defaults: Options(), sections: [.init("Flags", Options.settings)])
        let error = #expect(throws: ConfigurationError.self) {
            try command.parse(["-verify", "false"], environment: [:])
        }
        #expect(error?.description == "unexpected argument \"false\": tool takes only flags")
    }
}
