import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@Suite("The daemon", .enabled(if: Files.isExecutable(RunningDaemon.executable), "the program is not built"))
struct DaemonTests {
    @Test("serves, notifies the service manager, and stops in order with its sandboxes on record")
    func life() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(in: directory.path, on: loop)
            #expect(try await daemon.notification() == "READY=1")
            #expect(Files.permissions(daemon.socket) == 0o600)
            try await daemon.readLog(until: "\"probes\"")
            #expect(try await daemon.get("/startup").hasPrefix("HTTP/1.1 200 "))
            #expect(try await daemon.get("/healthz").contains("ok, 0 sandboxes"))
            #expect(try await daemon.get("/metrics").contains("\nprocess_resident_memory_bytes "))

            var request = CreateVMRequest()
            request.id = "sandbox-1"
            request.annotations = [
                "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
            ]
            let created = try await daemon.call(Hypervisor.createVM, request)
            #expect(created.agentSocketPath == directory.path + "/pods/sandbox-1/agent.ttrpc")

            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.notification() == "STOPPING=1")
            #expect(try await daemon.process.wait() == .exited(0))
            #expect(!Files.exists(daemon.socket))
            try await daemon.readLog()
            #expect(daemon.log.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"time\":\"") && $0.hasSuffix("}") })

            var next = try RunningDaemon(in: directory.path, on: loop, manager: "next")
            #expect(try await next.notification() == "READY=1")
            let sandboxes = try await next.call(Sandboxes.list, Empty()).sandboxes
            #expect(sandboxes.map(\.id) == ["sandbox-1"])
            next.process.signal(Signals.interrupt)
            #expect(try await next.process.wait() == .exited(0))
            try await next.readLog()
        }
    }

    @Test("refuses a pods directory, a socket or a fake Azure that another adaptor uses, and changes nothing")
    func second() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let first = try RunningDaemon(in: directory.path, on: loop)
            _ = try await first.notification()
            for (name, flags, reason) in [
                (
                    "second", ["-standby=false"],
                    "The pods directory \(directory.path)/pods is in use by another cloud-api-adaptor (process "
                        + "\(first.process.pid))"
                ),
                (
                    "third",
                    ["-pods-dir", directory.path + "/others", "-fake-state-dir", directory.path + "/other"],
                    "another process answers on it"
                ),
                (
                    "fourth", ["-pods-dir", directory.path + "/others"],
                    "is in use by another fake Azure: give each a directory of its own"
                ),
            ] {
                var second = try RunningDaemon(in: directory.path, on: loop, manager: name, arguments: flags)
                #expect(try await second.process.wait() == .exited(1))
                try await second.readLog()
                #expect(second.log.contains(reason))
            }
            #expect(try await first.call(Sandboxes.list, Empty()).sandboxes.isEmpty)
            first.process.signal(Signals.terminate)
            #expect(try await first.process.wait() == .exited(0))
        }
    }

    @Test(
        "of several that start at once, one serves, and the others report what they share with it",
        arguments: [
            (pods: "pods", words: "is in use by another cloud-api-adaptor"),
            (pods: nil, words: "another process answers"),
        ])
    func together(pods: String?, words: String) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            // The socket file of one that was killed, which all of them find.
            let killed = try RunningDaemon(in: directory.path, on: loop)
            _ = try await killed.notification()
            killed.process.signal(Signals.kill)
            _ = try await killed.process.wait()

            let daemons = try (0..<6).map { number in
                try RunningDaemon(
                    in: directory.path, on: loop, manager: "manager-\(number)",
                    arguments: [
                        "-pods-dir", "\(directory.path)/\(pods ?? "pods-\(number)")",
                        "-fake-state-dir", "\(directory.path)/cloud-\(number)", "-standby=false",
                    ])
            }
            // Each either says that it serves, or ends.
            let serving = try await withThrowingTaskGroup(of: RunningDaemon?.self) { group in
                for daemon in daemons {
                    group.addTask {
                        try await withThrowingTaskGroup(of: RunningDaemon?.self) { news in
                            news.addTask { try await daemon.notification() == "READY=1" ? daemon : nil }
                            news.addTask {
                                let status = try await daemon.process.wait()
                                #expect(status == .exited(1))
                                return nil
                            }
                            defer { news.cancelAll() }
                            return try await news.next() ?? nil
                        }
                    }
                }
                return try await group.reduce(into: [RunningDaemon]()) { if let daemon = $1 { $0.append(daemon) } }
            }
            try #require(serving.count == 1)
            #expect(try await serving[0].call(Sandboxes.list, Empty()).sandboxes.isEmpty)
            for var daemon in daemons where daemon.process.pid != serving[0].process.pid {
                try await daemon.readLog()
                #expect(daemon.log.contains(words), "\(daemon.log)")
            }
            serving[0].process.signal(Signals.terminate)
            #expect(try await serving[0].process.wait() == .exited(0))
        }
    }

    @Test("replaces the socket file of a killed adaptor")
    func stale() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let first = try RunningDaemon(in: directory.path, on: loop)
            _ = try await first.notification()
            first.process.signal(Signals.kill)
            _ = try await first.process.wait()
            #expect(Files.exists(first.socket))
            let second = try RunningDaemon(in: directory.path, on: loop, manager: "second")
            #expect(try await second.notification() == "READY=1")
            second.process.signal(Signals.terminate)
            #expect(try await second.process.wait() == .exited(0))
        }
    }

    @Test("does not start where it cannot write records, and says what to do")
    func noRecords() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, arguments: ["-pods-dir", directory.path + "/bin/fake-pod-vm/pods"])
            #expect(try await daemon.process.wait() == .exited(1))
            try await daemon.readLog()
            #expect(daemon.log.contains("Check -pods-dir"))
        }
    }

    @Test("logs its configuration without secrets")
    func configuration() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            // Version 0.1.0, without files.
            let initdata = "H4sIAAAAAAACA0vMSc8vyizJyFWwVVAqzkg0MjVT4ipLLSrOzM8DCRnoGeoZKHFFpySWJMZyAQCtKxWTLgAAAA=="
            var daemon = try RunningDaemon(in: directory.path, on: loop, arguments: ["-initdata", initdata])
            try await daemon.readLog(until: "\"probes\"")
            daemon.process.signal(Signals.terminate)
            _ = try await daemon.process.wait()
            try await daemon.readLog()
            #expect(daemon.log.contains("\"proxy-timeout\":\"5m\""))
            #expect(daemon.log.contains("\"initdata\":\"‹secret›\""))
            #expect(!daemon.log.contains(initdata))
        }
    }
}
