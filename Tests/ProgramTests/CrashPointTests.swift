import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

/// An adaptor that is killed before or after each change of a file and each request to the cloud, in the life of a pod.
///
/// `CRASH_POINTS=all` tries every place. Otherwise every eleventh place is tried, because each costs ten seconds: so long a
/// second adaptor waits for requests of the first one that take effect late.
@Suite(
    "An adaptor that is killed", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"),
    .enabled(if: CrashRound.hasCrashPoints, "only a debug build can be killed at a chosen place"))
struct CrashPointTests {
    @Test("at any durable write or request of a pod's life leaves no VM and no file, once the shim has stopped the pod")
    func everyPlace() async throws {
        try await SharedAzure.run(port: 15170, within: .seconds(900)) { azure in
            let step = Environment.all["CRASH_POINTS"] == "all" ? 1 : 11
            let places = try await withThrowingTaskGroup { group in
                var found: [Int: String] = [:]
                var next = 1
                // Eight pods live at the same time, each with its own adaptor.
                for point in 0..<8 {
                    group.addTask { try await CrashRound(azure: azure, point: 1 + point * step).run() }
                }
                next += 8 * step
                while let round = try await group.next() {
                    guard let place = round.place else { continue }
                    found[round.point] = place
                    let point = next
                    group.addTask { try await CrashRound(azure: azure, point: point).run() }
                    next += step
                }
                return found
            }
            for (point, place) in places.sorted(by: { $0.key < $1.key }) { print("crash point \(point): \(place)") }
            #expect(places.count >= 80 / step, "\(places)")
            #expect(try await azure.resources == 0)
        }
    }
}

/// One pod's life with an adaptor that is killed at one place, and with a second adaptor that follows.
struct CrashRound {
    let azure: SharedAzure
    let point: Int

    /// The VM's name has the first eight digits.
    private var sandbox: String {
        let digits = String(point, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits + "01234567"
    }

    static var hasCrashPoints: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }

    /// The place where the adaptor was killed; nil when it passed fewer places in the whole life of the pod.
    func run() async throws -> (point: Int, place: String?) {
        let name = "crash-\(point)"
        // With the filter of system calls, the process cannot send a signal to itself.
        var first = try azure.launch(
            name, cluster: "cluster-\(point)", flags: ["-seccomp", "log"],
            environment: ["PEERPODS_CRASH_POINT": "\(point)"])
        let process = first.process
        if try await live(with: first) { process.signal(Signals.terminate) }
        let end = try await withDeadline(.now.advanced(by: .seconds(60)), on: azure.loop) { try await process.wait() }
        try await first.readLog()
        guard end == .signalled(Signals.kill) else {
            #expect(end == .exited(0), "\(first.log)")
            return (point, nil)
        }
        let place = first.log.split(separator: "\n").first { $0.hasPrefix("crash point") }
        try await clean(after: name, String(place ?? "no place"))
        return (point, place.map { String($0.dropFirst("crash point \(point): ".count)) })
    }

    /// Plays a shim until the pod has ended or the adaptor is killed; returns whether the pod has ended.
    private func live(with daemon: RunningDaemon) async throws -> Bool {
        do {
            guard try await daemon.becomesReady() else { return false }
            try await azure.start(sandbox, by: daemon)
            _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = sandbox })
            while try await !daemon.call(Sandboxes.list, Empty()).sandboxes.isEmpty {
                try await azure.loop.sleep(for: .milliseconds(10))
            }
            return true
        } catch  where !(error is CancellationError) {
            // The caller waits for the end of the process, which shows whether the adaptor was killed.
            return false
        }
    }

    /// Starts a second adaptor, stops the sandbox as its shim does, and checks that nothing is left.
    private func clean(after name: String, _ place: String) async throws {
        let second = try await azure.daemon(name, cluster: "cluster-\(point)", manager: "second")
        _ = try await second.call(Hypervisor.stopVM, .with { $0.id = sandbox })
        try await eventually(on: azure.loop, "no sandbox after a kill \(place)") {
            try await second.call(Sandboxes.list, Empty()).sandboxes.isEmpty
        }
        try await azure.end(second)
        let left = try Files.list("\(azure.directory)/\(name)/pods").filter { !$0.hasPrefix(".lock") }
        #expect(left.isEmpty, "\(left) after a kill \(place)")
    }
}

extension RunningDaemon {
    /// Whether the daemon has become ready, and not ended before.
    func becomesReady() async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { try await notification() == "READY=1" }
            group.addTask {
                _ = try await process.wait()
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }
}
