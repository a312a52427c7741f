import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

/// An adaptor that is killed while it deletes the VM of a node that does not come back, as `peerpodctl gc` asks it to.
///
/// The places are counted from the first DELETE on: how often the orphans are listed before it depends on the time.
/// `CRASH_POINTS=all` tries every place, otherwise every third place is tried.
@Suite(
    "An adaptor that is killed while it collects orphans",
    .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"),
    .enabled(if: CrashRound.hasCrashPoints, "only a debug build can be killed at a chosen place"))
struct CollectCrashTests {
    @Test("leaves nothing of the VM, once a later adaptor has collected the orphans again")
    func everyPlace() async throws {
        try await SharedAzure.run(port: 15_179, within: .seconds(600)) { azure in
            let step = Environment.all["CRASH_POINTS"] == "all" ? 1 : 3
            let places = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
                var found: [Int: String] = [:]
                for point in stride(from: 1, through: 12, by: step) {
                    group.addTask { (point, try await CollectCrashRound(azure: azure, point: point).run()) }
                    // Four at the same time.
                    if point > 3 * step, let (point, place) = try await group.next() { found[point] = place }
                }
                for try await (point, place) in group { found[point] = place }
                return found
            }
            for (point, place) in places.sorted(by: { $0.key < $1.key }) { print("crash point \(point): \(place)") }
            #expect(places.values.contains { $0.contains("DELETE") }, "\(places)")
            #expect(places.count >= 4 / step, "\(places)")
            #expect(try await azure.resources == 0)
        }
    }
}

/// One lost node, an adaptor of another node that is killed while it collects, and a second one that follows.
private struct CollectCrashRound {
    let azure: SharedAzure
    let point: Int

    private static let nodes = OrphansRequest.with { $0.nodes = ["lost"] }
    private static let graceTime = "2s"

    private var name: String { "collect-\(point)" }
    private var cluster: String { "collect-cluster-\(point)" }

    /// The place where the adaptor was killed; nil when it has collected everything before.
    func run() async throws -> String? {
        let lost = try await azure.daemon("\(name)-lost", cluster: cluster, node: "lost", graceTime: "10m")
        try await azure.start("\(String(0x1000_0000 + point, radix: 16))01234567", by: lost)
        lost.process.signal(Signals.kill)
        _ = try await lost.process.wait()

        // With the filter of system calls, the process cannot send a signal to itself.
        var first = try azure.launch(
            name, cluster: cluster, graceTime: Self.graceTime, flags: ["-seccomp", "log"],
            environment: ["PEERPODS_CRASH_POINT": "\(point)", "PEERPODS_CRASH_AFTER": "DELETE"])
        let process = first.process
        if try await first.becomesReady(), try await hasCollected(first) { process.signal(Signals.terminate) }
        let end = try await withDeadline(.now + .seconds(60), on: azure.loop) { try await process.wait() }
        try await first.readLog()
        guard end == .signalled(Signals.kill) else {
            #expect(end == .exited(0), "\(first.log)")
            return nil
        }
        let place =
            first.log.split(separator: "\n").first { $0.hasPrefix("crash point") }.map(String.init) ?? "no place"
        let second = try await azure.daemon(name, cluster: cluster, graceTime: Self.graceTime, manager: "second")
        #expect(try await hasCollected(second), "orphans are left after a kill at \(place)")
        try await azure.end(second)
        return place
    }

    /// Collects until there are no orphans. Returns false when the adaptor has ended before.
    private func hasCollected(_ daemon: RunningDaemon) async throws -> Bool {
        do {
            try await eventually(on: azure.loop, "no orphans of the lost node") {
                let orphans = try await daemon.call(Sandboxes.orphans, Self.nodes).orphans
                if orphans.isEmpty { return true }
                _ = try await daemon.call(
                    Sandboxes.collect, .with { ($0.nodes, $0.orphans) = (Self.nodes, orphans) })
                try await azure.loop.sleep(for: .milliseconds(100))
                return false
            }
            return true
        } catch  where !(error is CancellationError) {
            return false
        }
    }
}
