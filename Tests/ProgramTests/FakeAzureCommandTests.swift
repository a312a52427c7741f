import JSON
import LinuxIO
import NetworkRig
import TestSupport
import Testing

private let executable = Files.parent(of: SystemInfo.executablePath) + "/fake-azure"

@Suite(
    "The program fake-azure", .enabled(if: Files.isExecutable(executable), "it is not built"))
struct FakeAzureCommandTests {
    /// Starts it in `directory`; the programs of its machines do nothing.
    private func start(
        in directory: String, isolation: String = "loopback", _ arguments: String..., on loop: EpollLoop
    ) throws -> ChildProcess {
        for program in ["fake-pod-vm", "agent-protocol-forwarder"] {
            try Files.write("#!/bin/false\n".utf8, to: "\(directory)/\(program)", at: 0, mode: 0o700)
        }
        var options = ChildProcess.Options(
            executable: executable,
            arguments: [
                "-state-dir", "\(directory)/state", "-programs-dir", directory, "-network", isolation,
            ]
                + arguments)
        if isolation != "loopback", canMakeNamespaces {
            // Root without the capabilities that hosts need.
            options.arguments = ["--bounding-set=-net_admin,-sys_admin", executable] + options.arguments
            options.executable = "/usr/bin/setpriv"
        }
        options.environment = [:]
        options.input = .pipe
        options.output = .pipe
        options.error = .pipe
        return try ChildProcess.start(options, on: loop)
    }

    private func inDirectory(_ body: @escaping @Sendable (String, EpollLoop) async throws -> Void) async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/fake-azure-")
        defer { try? Files.removeTree(directory) }
        try await onLoop { loop in
            try await withDeadline(.now.advanced(by: .seconds(120)), on: loop) { try await body(directory, loop) }
        }
    }

    private func read(_ stream: LinuxIO.Stream?, until isEnough: (String) -> Bool = { _ in false }) async throws
        -> String
    {
        var text = ""
        while !isEnough(text), let bytes = try await stream?.read(upTo: 4096), !bytes.isEmpty {
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }

    @Test("prints the environment of its adaptors, serves, and ends with status 0")
    func prints() async throws {
        try await inDirectory { directory, loop in
            let azure = try start(in: directory, on: loop)
            let text = try await read(azure.output) { $0.contains("AZURE_IMDS_ENDPOINT=") && $0.hasSuffix("\n") }
            let lines = text.split(separator: "\n").map { $0.split(separator: "=", maxSplits: 1) }
            let variables = Dictionary(uniqueKeysWithValues: lines.map { ("\($0[0])", "\($0[1])") })
            for name in ["SUBSCRIPTION_ID", "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "SUBNET_ID", "IMAGE_ID"] {
                #expect(variables["AZURE_\(name)"]?.isEmpty == false, "\(name)")
            }
            #expect(text.utf8.allSatisfy { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "'") }, "nothing needs quotes")
            let endpoint = try #require(variables["AZURE_MANAGEMENT_ENDPOINT"])
            let address = try SocketAddress(parsing: String(endpoint.dropFirst("http://".count)))
            try await LinuxIO.Stream.connect(to: address, on: loop).close()
            azure.signal(Signals.terminate)
            #expect(try await azure.wait() == .exited(0))
        }
    }

    @Test("writes the environment to a file that only its owner may read")
    func writes() async throws {
        try await inDirectory { directory, loop in
            let file = "\(directory)/azure.env"
            let azure = try start(in: directory, "-env-file", file, on: loop)
            while !Files.exists(file) { try await loop.sleep(for: .milliseconds(5)) }
            #expect(Files.permissions(file) == 0o600)
            let text = String(decoding: try DurableFile.read(file, limit: 1 << 16), as: UTF8.self)
            let secret = try #require(text.split(separator: "\n").first { $0.hasPrefix("AZURE_CLIENT_SECRET=") })
            azure.signal(Signals.interrupt)
            #expect(try await azure.wait() == .exited(0))
            #expect(try await read(azure.output).isEmpty)
            #expect(Files.permissions("\(directory)/state/secret") == 0o600)
            // The next one has another secret.
            let next = try start(in: directory, on: loop)
            let told = try await read(next.output) { $0.contains("AZURE_IMDS_ENDPOINT=") && $0.hasSuffix("\n") }
            #expect(told.contains("AZURE_CLIENT_SECRET=") && !told.contains(secret))
            next.signal(Signals.terminate)
            #expect(try await next.wait() == .exited(0))
        }
    }

    @Test("explains a refusal in one sentence")
    func refuses() async throws {
        try await inDirectory { directory, loop in
            try Files.write("{\"weather\": \"rain\"}".utf8, to: "\(directory)/scenario", at: 0)
            let scenario = try start(in: directory, "-scenario", "\(directory)/scenario", on: loop)
            #expect(try await scenario.wait() == .exited(1))
            let error = try await read(scenario.error)
            #expect(error.contains("the scenario \(directory)/scenario cannot be used"), "\(error)")
            #expect(error.contains("weather"), "\(error)")
            let place = try start(in: directory, "-listen", "here", on: loop)
            #expect(try await place.wait() == .exited(1))
            #expect(try await read(place.error).contains("-listen: \"here\" is not an address"))
        }
    }

    @Test("as a child it announces itself in one line of JSON, ignores signals, and ends with its input")
    func supervised() async throws {
        try await inDirectory { directory, loop in
            let azure = try start(in: directory, "-supervised", on: loop)
            let line = try await read(azure.output) { $0.hasSuffix("\n") }
            let announcement = try JSONNode(JSONValue(parsing: line))
            let environment = try announcement.object("environment")
            #expect(try environment.string("AZURE_MANAGEMENT_ENDPOINT").hasPrefix("http://127.0.0.1:"))
            let secret = String(decoding: try DurableFile.read("\(directory)/state/secret", limit: 100), as: UTF8.self)
            #expect(try environment.string("AZURE_CLIENT_SECRET") + "\n" == secret)
            #expect(try announcement.object("machines").string("loopback") == "it was asked for")

            azure.signal(Signals.terminate)
            azure.signal(Signals.interrupt)
            let other = try start(in: directory, "-supervised", on: loop)
            let refusal = try JSONNode(JSONValue(parsing: try await read(other.output)))
            #expect(try refusal.string("error").contains("give each a directory of its own"))
            #expect(try await other.wait() == .exited(1))
            azure.input?.close()
            #expect(try await azure.wait() == .exited(0))
        }
    }

    @Test("as a child it waits for a short time until an earlier child ends")
    func succession() async throws {
        try await inDirectory { directory, loop in
            let first = try start(in: directory, "-supervised", on: loop)
            _ = try await read(first.output) { $0.hasSuffix("\n") }
            let second = try start(in: directory, "-supervised", on: loop)
            // Nothing is announced while the first has the directory.
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.now.advanced(by: .milliseconds(300)), on: loop) {
                    _ = try await read(second.output) { $0.hasSuffix("\n") }
                }
            }
            first.input?.close()
            #expect(try await read(second.output) { $0.hasSuffix("\n") }.contains("AZURE_CLIENT_SECRET"))
            second.input?.close()
            #expect(try await second.wait() == .exited(0))
            #expect(try await first.wait() == .exited(0))
        }
    }

    @Test("refuses an environment file for a child, whose parent reads the environment")
    func contradiction() async throws {
        try await inDirectory { directory, loop in
            let azure = try start(in: directory, "-supervised", "-env-file", "\(directory)/env", on: loop)
            #expect(try await azure.wait() == .exited(1))
            #expect(try await read(azure.error).contains("-env-file and -supervised exclude each other"))
        }
    }

    @Test(
        "creates VMs as processes where it lacks the rights for hosts, and says why; ends if hosts are required",
        .enabled(if: Files.isExecutable("/usr/bin/setpriv"), "setpriv is missing"))
    func mayNot() async throws {
        try await inDirectory { directory, loop in
            let refused = try start(in: directory, isolation: "hosts", on: loop)
            #expect(try await refused.wait() == .exited(1))
            let reason = "cannot create fake machines as hosts: this process lacks NET_ADMIN and SYS_ADMIN"
            #expect(try await read(refused.error).contains(reason))
            let azure = try start(in: directory, isolation: "automatic", on: loop)
            let log = try await read(azure.error) { $0.contains("Serving") }
            #expect(log.contains(reason) && log.contains("Machines are processes at loopback addresses"), "\(log)")
            azure.signal(Signals.terminate)
            #expect(try await azure.wait() == .exited(0))
        }
    }
}
