import LinuxIO
import TestSupport
import Testing

/// Tests/Peers/azure-sdk: Microsoft's own SDK for Python, in an environment that `scripts/setup` makes.
struct AzureSDK: Sendable {
    /// Why a test that needs it cannot run here.
    static let need: Comment = "needs Microsoft's SDK for Python, which scripts/setup test gets from PyPI"

    private static let tests = Files.parent(of: Files.parent(of: #filePath))
    private static let python = Files.parent(of: tests) + "/.build/peers/azure-sdk/bin/python"

    static let isAvailable = Files.isExecutable(python)

    /// Runs the script against the Azure that these variables name; `userData` is a file.
    static func run(
        _ script: String, userData: String, environment: [String: String], on loop: EpollLoop
    ) async throws -> ProgramRun {
        var options = ChildProcess.Options(
            executable: python, arguments: ["\(tests)/Peers/azure-sdk/\(script)", userData])
        // No proxy leads to this machine.
        options.environment = environment.merging(["NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1"]) { one, _ in one }
        return try await ProgramRun.of(options, on: loop)
    }
}

/// The program `fake-azure`, with real machines behind it.
struct FakeAzureProgram: Sendable {
    static let need: Comment = "fake-azure, fake-pod-vm or agent-protocol-forwarder is not built"
    private static let programs = Files.parent(of: SystemInfo.executablePath)

    static let isBuilt = ["fake-azure", "fake-pod-vm", "agent-protocol-forwarder"].allSatisfy {
        Files.isExecutable("\(programs)/\($0)")
    }

    /// Runs `body` with the environment of an adaptor while it serves; then no machine may be left.
    static func whileServing(
        _ flags: [String], in directory: String, on loop: EpollLoop,
        _ body: (_ environment: [String: String]) async throws -> Void
    ) async throws {
        let file = directory + "/azure.env"
        var options = ChildProcess.Options(
            executable: programs + "/fake-azure",
            arguments: [
                "-network", "loopback", "-state-dir", directory + "/state", "-programs-dir", programs,
                "-env-file", file,
                "-forwarder-flags", "-disable-tls", "-log-level", "warning",
            ] + flags)
        options.environment = [:]
        options.error = .file(path: directory + "/azure.log")
        let program = try ChildProcess.start(options, on: loop)
        defer { program.signal(9) }
        let deadline = ContinuousClock.now + .seconds(20)
        while !Files.exists(file) {
            guard ContinuousClock.now < deadline else {
                let log = (try? DurableFile.read(directory + "/azure.log", limit: 1 << 20)) ?? []
                throw PeerFailure("fake-azure does not serve: \(String(decoding: log, as: UTF8.self))")
            }
            try await loop.sleep(for: .milliseconds(10))
        }
        var environment: [String: String] = [:]
        for line in String(decoding: try DurableFile.read(file, limit: 64 << 10), as: UTF8.self).split(separator: "\n")
        {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            environment[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
        }
        try await body(environment)
        program.signal(Signals.terminate)
        #expect(try await program.wait() == .exited(0))
        #expect(try Files.list(directory + "/state/machines").isEmpty)
    }
}
