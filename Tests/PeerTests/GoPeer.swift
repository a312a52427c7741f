import JSON
import LinuxIO
import TestSupport
import Testing

/// Tests/Peers/ttrpc-peer: containerd's own ttrpc, and Go's crypto/tls and encoding/json.
struct GoPeer: Sendable {
    /// Why a test that needs it cannot run here.
    static let need: Comment = "needs Debian's golang-go and golang-github-containerd-ttrpc-dev (scripts/setup test)"

    /// Whether it can be built on this machine.
    static let isAvailable = Files.exists(library + "/server.go") && compiler != nil

    private static let libraries = "/usr/share/gocode"
    private static let library = libraries + "/src/github.com/containerd/ttrpc"
    private static let compiler: String? = (Environment.all["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        .map { $0 + "/go" }.first { Files.isExecutable($0) }

    /// Built by the first test that asks, for all of them.
    private static let built = Result { try build() }

    /// The program.
    let path: String

    init() throws { path = try GoPeer.built.get() }

    private static func build(thisFile: String = #filePath) throws -> String {
        let tests = Files.parent(of: Files.parent(of: thisFile))
        let scratch = Files.parent(of: tests) + "/.build/peers"
        try Files.makeDirectories(scratch)
        var options = ChildProcess.Options(
            executable: compiler ?? "go", arguments: ["build", "-o", scratch + "/ttrpc-peer", "."])
        options.workingDirectory = tests + "/Peers/ttrpc-peer"
        options.environment = Environment.all.merging([
            "GOPATH": libraries, "GO111MODULE": "off", "GOFLAGS": "", "CGO_ENABLED": "0", "GOCACHE": scratch + "/cache",
        ]) { _, ours in ours }
        let complete = options
        let run = try EpollLoop.run { loop in try await ProgramRun.of(complete, on: loop) }
        guard run.status == .exited(0) else { throw PeerFailure("go build: \(run.errorText)") }
        return scratch + "/ttrpc-peer"
    }

    /// Runs one mode of the program to its end.
    func run(_ arguments: [String], input: [UInt8]? = nil, on loop: EpollLoop) async throws -> ProgramRun {
        let options = ChildProcess.Options(executable: path, arguments: arguments)
        return try await ProgramRun.of(options, input: input, on: loop)
    }

    /// Runs one of its checks against `address`, and takes over what it finds.
    func check(
        _ name: String, _ address: SocketAddress, with other: String = "", flags: [String] = [], on loop: EpollLoop,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let arguments = ["client", "-socket", address.description, "-check", name, "-with", other]
        let run = try await run(arguments + flags, on: loop)
        #expect(run.status == .exited(0), "\(name): \(run.errorText)", sourceLocation: sourceLocation)
        for line in run.output.split(separator: UInt8(ascii: "\n")) {
            let finding = try JSONValue(parsing: Array(line))
            let (expectation, found) = (finding["expect"]?.stringValue ?? "", finding["found"]?.stringValue ?? "")
            #expect(
                finding["ok"]?.boolValue == true, "\(name): \(expectation), but found: \(found)",
                sourceLocation: sourceLocation)
        }
    }

    /// Runs its agent on `address` for as long as `body`, which is told the real one, takes.
    func withAgent<Result>(
        at address: SocketAddress, flags: [String] = [], on loop: EpollLoop,
        _ body: (SocketAddress) async throws -> Result
    ) async throws -> Result {
        var options = ChildProcess.Options(
            executable: path, arguments: ["agent", "-socket", address.description] + flags)
        options.error = .pipe
        let agent = try ChildProcess.start(options, on: loop)
        defer { agent.signal(9) }
        // Its first words are where it listens, once it does.
        let words = String(decoding: try await agent.error?.read(upTo: 1024) ?? [], as: UTF8.self)
        guard let last = words.split(whereSeparator: \.isWhitespace).last, words.hasPrefix("serving ") else {
            throw PeerFailure("the agent does not serve: \(words)")
        }
        return try await body(last.hasPrefix("/") ? address : SocketAddress(parsing: String(last)))
    }
}

/// A peer that could not play its part.
struct PeerFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
