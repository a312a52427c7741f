import FakeAzureLauncher
import LinuxIO
import Telemetry
import TestSupport
import Testing

@Suite("The process of the fake Azure")
struct FakeAzureProcessTests {
    private static let announcement = #"{"environment": {"AZURE_REGION": "r"}, "machines": {"interface": "i"}}"#

    /// Starts a shell script in place of the program `fake-azure`.
    private func start(
        _ script: String, in directory: TemporaryDirectory, arguments: [String] = [],
        environment: [String: String] = [:], on loop: EpollLoop
    ) async throws -> FakeAzureProcess {
        try Files.write("#!/bin/sh\n\(script)\n".utf8, to: directory.path + "/fake-azure", at: 0, mode: 0o700)
        var settings = FakeAzureSettings()
        settings.programsDirectory = directory.path
        settings.stateDirectory = directory.path
        return try await FakeAzureProcess.start(
            settings, arguments: arguments, environment: environment, on: loop, logger: Logger(level: .error))
    }

    @Test("gets its flags, and no variable that the adaptor has read or that names a real account")
    func flagsAndVariables() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let script = """
                { echo "$@"; env; } > \(directory.path)/seen
                echo '\(Self.announcement)'
                cat
                """
            let hidden = ["AZURE_CLIENT_SECRET", "FAKE_NETWORK", "INITDATA", "NOTIFY_SOCKET"]
            let environment = Dictionary(uniqueKeysWithValues: hidden.map { ($0, "hush") })
                .merging(["PATH": "/usr/bin:/bin", "LANG": "C"]) { $1 }
            let fake = try await start(
                script, in: directory, arguments: ["-forwarder-port=7"], environment: environment, on: loop)
            #expect(fake.announcement.environment == ["AZURE_REGION": "r"])
            await fake.end()
            let seen = String(decoding: try DurableFile.read(directory.path + "/seen", limit: 1 << 16), as: UTF8.self)
            #expect(
                seen.hasPrefix("-supervised -state-dir=\(directory.path) -programs-dir=\(directory.path)"), "\(seen)")
            #expect(seen.contains(" -forwarder-port=7\n"), "\(seen)")
            #expect(seen.contains("LANG=C"), "\(seen)")
            #expect(!seen.contains("hush"), "\(seen)")
        }
    }

    @Test("when it ends, the error says how, and where the resources stay")
    func ends() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let fake = try await start("echo '\(Self.announcement)'; exit 3", in: directory, on: loop)
            let error = try await #require(throws: FakeAzureError.self) { try await fake.run() }
            #expect(error.description.contains("ended with exit status 3 while cloud-api-adaptor used it"), "\(error)")
            #expect(error.description.contains("stay in \(directory.path)."), "\(error)")
            await fake.end()
        }
    }

    @Test("that ends before it serves is an error with its exit status")
    func endsEarly() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let error = try await #require(throws: FakeAzureError.self) {
                try await start("exit 3", in: directory, on: loop)
            }
            #expect(error.description.contains("ended with exit status 3 before it served"), "\(error)")
        }
    }
}
