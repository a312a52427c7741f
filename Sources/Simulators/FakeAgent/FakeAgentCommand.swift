internal import Configuration
internal import LinuxIO

/// The program `fake-kata-agent`: stands in for kata-agent in a pod VM's image. It links no other simulator.
public enum FakeAgentCommand {
    /// Runs what the arguments (without the program's path) ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            "fake-kata-agent", version: ProjectVersion.text, summary: FakeAgentOptions.command.summary,
            entries: [.init(PauseCommand.word, PauseOptions.command) { _, _, _ in PauseCommand.run() }],
            main: Program.Entry("", FakeAgentOptions.command) { (options, _, _) throws(ConfigurationError) in
                var agent = AgentOptions()
                agent.entersNamespaces = true
                if !options.configuration.isEmpty {
                    agent.socket = try AgentConfigurationFile.socket(in: options.configuration)
                }
                return AgentCommand.run(agent)
            }, output: output)
    }
}

/// The flags of `fake-kata-agent`: those with which the image's unit starts kata-agent.
struct FakeAgentOptions: Sendable {
    var configuration = ""

    static let command = Command(
        "fake-kata-agent",
        summary: "stand in for kata-agent in a pod VM's image: run pods without images and isolation",
        details: """
            Containers are processes of this machine that see its files. They enter the network namespace that their \
            container names. For tests of an image only.
            """,
        defaults: FakeAgentOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "config", \Self.configuration, .path,
                        "kata-agent's configuration. Only server_addr, the address of a Unix socket, is used.")
                ])
        ])
}

/// The configuration of kata-agent, as far as the stand-in uses it.
enum AgentConfigurationFile {
    private static let limit = 64 << 10

    /// The path of the socket to serve.
    static func socket(in path: String) throws(ConfigurationError) -> String {
        let text: String
        do throws(FileError) {
            text = String(decoding: try DurableFile.read(path, limit: limit), as: UTF8.self)
        } catch {
            throw ConfigurationError("-config: \(error)")
        }
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\t" } }
            guard parts.count == 2, parts[0] == "server_addr" else { continue }
            let prefix = "\"unix://"
            guard parts[1].hasPrefix(prefix + "/"), parts[1].hasSuffix("\""),
                parts[1].utf8.count > prefix.utf8.count + 2
            else { throw ConfigurationError("-config: \(path): server_addr is not unix:///PATH") }
            return String(parts[1].dropFirst(prefix.count).dropLast())
        }
        throw ConfigurationError("-config: \(path) has no server_addr")
    }
}
