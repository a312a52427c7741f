import Doubles
import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@Suite("An adaptor in standby", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct StandbyTests {
    private static let pod = CreateVMRequest.with {
        $0.id = "0123456789abcdef"
        $0.annotations = [
            "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
        ]
    }

    /// Waits until the daemon logs that it is a standby.
    private func standby(
        _ name: String, in directory: String, on loop: EpollLoop, boots: Bool = false, arguments: [String] = []
    ) async throws -> RunningDaemon {
        var daemon = try RunningDaemon(in: directory, on: loop, manager: name, boots: boots, arguments: arguments)
        try await daemon.readLog(until: "\"Standby: another cloud-api-adaptor")
        return daemon
    }

    private func stop(_ daemon: RunningDaemon) async throws {
        daemon.process.signal(Signals.terminate)
        #expect(try await daemon.process.wait() == .exited(0))
    }

    @Test("succeeds in its probes, takes over when the first adaptor ends, and stops the first one's pods")
    func rollOut() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let flags = ["-forwarder-port", "15170"]
            let first = try RunningDaemon(in: directory.path, on: loop, boots: true, arguments: flags)
            _ = try await first.notification()
            var second = try await standby("second", in: directory.path, on: loop, boots: true, arguments: flags)
            #expect(second.log.contains("\"process\":\"\(first.process.pid)\""), "\(second.log)")
            for path in ["/startup", "/healthz"] {
                let answer = try await second.get(path)
                #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("standby\n"), "\(answer)")
            }

            // The first adaptor still serves all calls.
            _ = try await first.call(Hypervisor.createVM, Self.pod)
            _ = try await first.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
            first.process.signal(Signals.terminate)
            try await second.readLog(until: "\"Serving\",\"socket\"")
            let azure = try await second.fakeAzure()
            #expect(try await first.process.wait() == .exited(0))
            #expect(try await FakeAzureState(of: azure, on: loop).resources.count == 3)
            let sandboxes = try await second.call(Sandboxes.list, Empty()).sandboxes
            #expect(sandboxes.map(\.id) == [Self.pod.id])
            #expect(try await second.get("/healthz").contains("ok, 1 sandboxes"))

            _ = try await second.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
            while try await !FakeAzureState(of: azure, on: loop).resources.isEmpty {
                try await loop.sleep(for: .milliseconds(20))
            }
            try await stop(second)
        }
    }

    @Test("of six that start at once one serves; each time the serving one ends in any way, one other takes over")
    func six() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemons = try (0..<6).map { number in
                try RunningDaemon(in: directory.path, on: loop, manager: "manager-\(number)")
            }
            for signal in [Signals.kill, Signals.terminate, Signals.kill] {
                let serving = try await firstReady(of: daemons)
                #expect(try await serving.call(Sandboxes.list, Empty()).sandboxes.isEmpty)
                serving.process.signal(signal)
                _ = try await serving.process.wait()
                daemons.removeAll { $0.process.pid == serving.process.pid }
            }
            for daemon in daemons { daemon.process.signal(Signals.terminate) }
            for daemon in daemons { #expect(try await daemon.process.wait() == .exited(0)) }
        }
    }

    /// The daemon that says READY=1; the others must not.
    private func firstReady(of daemons: [RunningDaemon]) async throws -> RunningDaemon {
        try await withThrowingTaskGroup(of: RunningDaemon.self) { group in
            for daemon in daemons {
                group.addTask {
                    let state = try await daemon.notification()
                    #expect(state == "READY=1")
                    return daemon
                }
            }
            let ready = try #require(try await group.next())
            group.cancelAll()
            while let other = await group.nextResult() {
                if case .success(let daemon) = other { Issue.record("process \(daemon.process.pid) serves too") }
            }
            return ready
        }
    }

    @Test("ends at once when it is stopped or killed, and the serving adaptor does not change")
    func ended() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let first = try RunningDaemon(in: directory.path, on: loop)
            _ = try await first.notification()
            var second = try await standby("second", in: directory.path, on: loop)
            try await stop(second)
            try await second.readLog()
            #expect(second.log.contains("Stopped in standby"))
            let third = try await standby("third", in: directory.path, on: loop)
            third.process.signal(Signals.kill)
            _ = try await third.process.wait()
            #expect(try await first.call(Sandboxes.list, Empty()).sandboxes.isEmpty)
            try await stop(first)
            #expect(!Files.exists(first.socket), "without a successor, the socket is removed")
        }
    }

    @Test("the socket exists all the time during a hand-over, and each CreateVM is answered or refused")
    func handOver() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let first = try RunningDaemon(in: directory.path, on: loop)
            _ = try await first.notification()
            let second = try await standby("second", in: directory.path, on: loop)
            // The standby is known to the first one as soon as it has waited once.
            while try !FileLock.isHeld(directory.path + "/pods/.lock-next") { await loop.yield() }
            let created = Lock([String]())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 0... {
                        try Task.checkCancellation()
                        #expect(Files.exists(first.socket))
                        await create("sandbox-\(number)", by: first, created)
                        await loop.yield()
                    }
                }
                while created.withLock({ $0.count }) < 3 { try await loop.sleep(for: .milliseconds(1)) }
                first.process.signal(Signals.terminate)
                #expect(try await second.notification() == "READY=1")
                let before = created.withLock { $0.count }
                while created.withLock({ $0.count }) < before + 3 { try await loop.sleep(for: .milliseconds(1)) }
                group.cancelAll()
                while await group.nextResult() != nil {}
            }
            #expect(try await first.process.wait() == .exited(0))
            let listed = try await second.call(Sandboxes.list, Empty()).sandboxes.map(\.id)
            #expect(Set(created.withLock { $0 }).isSubset(of: listed), "an answered CreateVM is on record")
            try await stop(second)
        }
    }

    /// Creates a sandbox, and notes that if it succeeds. A refusal is an answer too; silence is not.
    private func create(_ id: String, by daemon: RunningDaemon, _ created: Lock<[String]>) async {
        var pod = Self.pod
        pod.id = id
        do {
            _ = try await daemon.call(Hypervisor.createVM, pod, timeout: .seconds(20))
            created.withLock { $0.append(id) }
        } catch let status as Status {
            #expect(status.code != .deadlineExceeded)
        } catch {
            // The connection was refused, or ended with its adaptor.
        }
    }
}
