import Configuration
import Doubles
import FakeAzureLauncher
import LinuxIO
import TestSupport
import Testing

@testable import CloudAPIAdaptor

@Suite("The flags of the fake Azure in the adaptor")
struct FakeAzureFlagTests {
    private func arguments(_ flags: [String], _ environment: [String: String] = [:]) throws -> [String] {
        guard case .run(let options, _) = try AzureConfiguration.command.parse(flags, environment: environment)
        else { return [] }
        return options.fakeSettings.arguments + options.fakeArguments
    }

    @Test("are passed on as the adaptor has read them, from flags and variables")
    func passedOn() throws {
        #expect(
            try arguments(["-fake-cloud"]) == [
                "-supervised", "-forwarder-port=15150", "-log-level=info", "-log-format=automatic",
            ])
        let all = try arguments(
            [
                "-fake-cloud", "-fake-state-dir", "/s", "-fake-programs-dir", "/p", "-fake-forwarder-flags", "-a=b,-c",
                "-fake-scenario", "/x", "-fake-record", "/r", "-fake-any-identity", "-fake-accept-delay", "1s",
                "-fake-address-delay", "2s", "-fake-boot-delay", "3s", "-fake-operation-delay", "4s", "-disable-tls",
                "-forwarder-port", "99", "-log-level", "debug",
            ], ["FAKE_NETWORK": "loopback", "LOG_FORMAT": "json"])
        #expect(
            Set(all) == [
                "-supervised", "-forwarder-port=99", "-log-level=debug", "-log-format=json", "-state-dir=/s",
                "-programs-dir=/p", "-forwarder-flags=-a=b,-c,-disable-tls", "-network=loopback", "-scenario=/x",
                "-record=/r", "-any-identity=true", "-accept-delay=1s", "-address-delay=2s", "-boot-delay=3s",
                "-operation-delay=4s",
            ])
    }
}

@Suite("The fake Azure as a child process", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct FakeAzureProcessTests {
    /// The process number of a daemon's fake Azure.
    private func child(of daemon: RunningDaemon) throws -> Int32 {
        let children = ProcessTree.descendants(of: daemon.process.pid)
        try #require(children.count == 1, "\(children)")
        return children[0]
    }

    @Test("when the program is missing, the error says where the adaptor searched for it and how to get it")
    func missing() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, arguments: ["-fake-programs-dir", directory.path])
            #expect(try await daemon.process.wait() == .exited(1))
            try await daemon.readLog()
            #expect(daemon.log.contains("\(directory.path)/fake-azure does not exist"), "\(daemon.log)")
            #expect(daemon.log.contains("swift build --product fake-azure"))
            #expect(daemon.log.contains("-fake-programs-dir"))
        }
    }

    @Test(
        "a program that does not announce itself gives an error, and is stopped",
        arguments: [
            ("exit 3", "ended with exit status 3 before it served"),
            ("echo hello; read forever", "its first line of output is not an announcement"),
            (#"echo '{"error": "it rains"}'; read forever"#, "it rains"),
            (#"echo '{"environment": {"A": 1}, "machines": {}}'; read forever"#, "environment.A"),
        ])
    func strange(script: String, words: String) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let program = directory.path + "/fake-azure"
            try Files.write("#!/bin/sh\n\(script)\n".utf8, to: program, at: 0, mode: 0o700)
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, arguments: ["-fake-programs-dir", directory.path])
            // The log ends with the last process that writes to it.
            try await daemon.readLog()
            #expect(try await daemon.process.wait() == .exited(1))
            #expect(daemon.log.contains(words), "\(daemon.log)")
        }
    }

    @Test("its secret is not on its command line, and secrets of a real account are not in its environment")
    func secret() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, arguments: ["-fake-cloud"],
                environment: ["FAKE_CLOUD": "", "AZURE_CLIENT_SECRET": "hush-hush"])
            let azure = try await daemon.fakeAzure()
            let child = try child(of: daemon)
            func read(_ file: String) throws -> String {
                String(decoding: try DurableFile.read("/proc/\(child)/\(file)", limit: 1 << 20), as: UTF8.self)
            }
            #expect(try read("cmdline").contains("-supervised"))
            #expect(try !read("cmdline").contains(azure.secret))
            #expect(try !read("environ").contains(azure.secret))
            #expect(try !read("environ").contains("hush-hush"))
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
        }
    }

    @Test("ignores the signals that end its parent, and ends after its parent's services")
    func endsLast() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(in: directory.path, on: loop)
            _ = try await daemon.fakeAzure()
            let child = try child(of: daemon)
            ProcessTree.signal(child, Signals.terminate)
            ProcessTree.signal(child, Signals.interrupt)
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
            #expect(!ProcessTree.isAlive(child))
            try await daemon.readLog()
            let parent = try #require(daemon.log.firstRange(of: "Stopped; sandboxes and their VMs stay"))
            let fake = try #require(daemon.log.firstRange(of: "Stopped; resources and VMs stay in"))
            #expect(parent.upperBound < fake.lowerBound, "\(daemon.log)")
        }
    }

    @Test("when it dies, the adaptor ends and says what happened and what to do")
    func dies() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(in: directory.path, on: loop)
            _ = try await daemon.fakeAzure()
            let child = try child(of: daemon)
            ProcessTree.signal(child, Signals.kill)
            #expect(try await daemon.process.wait() == .exited(1))
            try await daemon.readLog()
            #expect(daemon.log.contains("(process \(child)) was ended by signal 9"), "\(daemon.log)")
            #expect(daemon.log.contains("stay in \(directory.path)/cloud. Start cloud-api-adaptor again"))
        }
    }

    @Test("ends when its parent is killed")
    func orphaned() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(in: directory.path, on: loop)
            _ = try await daemon.fakeAzure()
            daemon.process.signal(Signals.kill)
            #expect(try await daemon.process.wait() == .signalled(Signals.kill))
            // Up to the end of the log, which its child has open as well.
            try await daemon.readLog()
            #expect(daemon.log.contains("Stopped; resources and VMs stay in"))
        }
    }
}
