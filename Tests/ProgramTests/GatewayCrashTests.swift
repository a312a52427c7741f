import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

/// A gateway that is killed at each of its steps in the life of a pod: changes of files, forwarded calls, tunnels, and the
/// hand-over to a newer gateway. The adaptor runs on.
///
/// `CRASH_POINTS=all` tries every place, otherwise every third.
@Suite(
    "A gateway that is killed", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"),
    .enabled(if: CrashRound.hasCrashPoints, "only a debug build can be killed at a chosen place"))
struct GatewayCrashTests {
    @Test(
        "at any step of a pod's life leaves no VM, no file and no socket, once the shim has had an answer to StopVM",
        arguments: zip(GatewayLife.allCases, [10, 14, 12, 6]))
    func everyPlace(life: GatewayLife, least: Int) async throws {
        let step = Environment.all["CRASH_POINTS"] == "all" ? 1 : 3
        let places = try await withThrowingTaskGroup(of: (point: Int, place: String?).self) { group in
            var found: [Int: String] = [:]
            var next = 1
            func addRound() {
                let point = next
                next += step
                group.addTask { try await GatewayCrashRound.run(life, point) }
            }
            for _ in 0..<3 { addRound() }
            while let round = try await group.next() {
                guard let place = round.place else { continue }
                found[round.point] = place
                addRound()
            }
            return found
        }
        for (point, place) in places.sorted(by: { $0.key < $1.key }) { print("\(life) crash point \(point): \(place)") }
        #expect(places.count >= least / step, "\(places)")
    }
}

/// What happens in the pod's life beside the calls of its shim.
enum GatewayLife: CaseIterable {
    /// Nothing.
    case attended
    /// The adaptor is killed before StopVM. Another one starts after StopVM.
    case unattended
    /// A newer gateway takes over. The older one is killed.
    case replaced
    /// The same, but the newer one is killed.
    case replacing

    /// A port of the forwarders for each round, because the rounds' VMs have the same addresses.
    func port(_ point: Int) -> Int { 16_000 + (Self.allCases.firstIndex(of: self) ?? 0) * 200 + point }
}

/// One pod's life with a gateway that is killed at one place, and with gateways that follow.
private final class GatewayCrashRound: Sendable {
    private let life: GatewayLife
    private let point: Int
    private let directory: TemporaryDirectory
    private let loop: EpollLoop
    private let started = Lock<[(gateway: RunningGateway, isVictim: Bool)]>([])
    private let id = "0123456789abcdef"

    private init(_ life: GatewayLife, _ point: Int, in directory: TemporaryDirectory, on loop: EpollLoop) {
        self.life = life
        self.point = point
        self.directory = directory
        self.loop = loop
    }

    /// The place where the gateway was killed; nil when it passed fewer places in the whole life of the pod.
    static func run(_ life: GatewayLife, _ point: Int) async throws -> (point: Int, place: String?) {
        let directory = try TemporaryDirectory()
        let place = Lock<String?>(nil)
        try await onLoop { loop in
            let found = try await GatewayCrashRound(life, point, in: directory, on: loop).run()
            place.withLock { $0 = found }
        }
        return (point, place.withLock { $0 })
    }

    private func run() async throws -> String? {
        try await startGateway(isVictim: life != .replacing)
        var adaptor = try startAdaptor("adaptor")
        #expect(try await adaptor.notification() == "READY=1")
        let isStopped = await live(adaptor)
        if life == .unattended { adaptor = try await replacement(of: adaptor, isStopped) }
        if !isStopped, life != .unattended { try await stopAgain(adaptor) }
        try await eventually(on: loop, "no sandbox after \(life) crash point \(point)") {
            try await self.ensureGateway()
            // The gateway may be killed during the call.
            return (try? await adaptor.call(Sandboxes.list, Empty()))?.sandboxes.isEmpty == true
        }
        adaptor.process.signal(Signals.terminate)
        #expect(try await adaptor.process.wait() == .exited(0))
        let place = try await end()
        try checkNothingIsLeft(place)
        return place
    }

    // MARK: The shim

    /// Plays a shim. Returns whether StopVM was answered.
    private func live(_ adaptor: RunningDaemon) async -> Bool {
        do {
            try await eventually(on: loop, "the adaptor's attachment") {
                try await self.ensureGateway()
                return try await self.started.withLock { $0.last }?.gateway.status().attachments == 1
            }
            let pod = CreateVMRequest.with {
                $0.id = id
                $0.annotations = [
                    "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
                ]
            }
            let socket = try await adaptor.call(Hypervisor.createVM, pod).agentSocketPath
            _ = try await adaptor.call(Hypervisor.startVM, .with { $0.id = id })
            #expect(try await PodShell(socket, on: loop).output(of: "echo hello") == "hello\n")
            switch life {
            case .attended: break
            case .unattended:
                adaptor.process.signal(Signals.kill)
                _ = try await adaptor.process.wait()
            case .replaced, .replacing:
                try await startGateway(isVictim: life == .replacing)
                // The tunnel moves meanwhile. A connection to the agent is open for the whole time.
                for _ in 0..<5 { _ = try? await PodShell(socket, on: loop).output(of: "sleep 0.1") }
            }
            _ = try await adaptor.call(Hypervisor.stopVM, .with { $0.id = id }, timeout: .seconds(10))
            return true
        } catch {
            return false
        }
    }

    /// Starts the next adaptor. Before, StopVM is repeated if it was not answered.
    private func replacement(of adaptor: RunningDaemon, _ isStopped: Bool) async throws -> RunningDaemon {
        adaptor.process.signal(Signals.kill)
        _ = try await adaptor.process.wait()
        if !isStopped { try await stopAgain(adaptor) }
        let next = try startAdaptor("next-adaptor")
        #expect(try await next.notification() == "READY=1")
        return next
    }

    /// Repeats StopVM, as a shim does whose call or connection has failed.
    private func stopAgain(_ adaptor: RunningDaemon) async throws {
        try await eventually(on: loop, "an answer to StopVM") {
            try await self.ensureGateway()
            return (try? await adaptor.call(Hypervisor.stopVM, .with { $0.id = self.id }, timeout: .seconds(10))) != nil
        }
    }

    // MARK: Processes

    private func startAdaptor(_ name: String) throws -> RunningDaemon {
        try RunningDaemon(
            in: directory.path, on: loop, manager: name, boots: true,
            arguments: ["-forwarder-port", "\(life.port(point))"] + RunningGateway.flags(in: directory.path))
    }

    /// Starts a gateway as a service manager does: again, until one is ready. Only the first attempt is a victim.
    private func startGateway(isVictim: Bool) async throws {
        var isVictim = isVictim
        for _ in 0..<3 {
            let number = started.withLock { $0.count }
            // With the filter of system calls, the process cannot send a signal to itself.
            let gateway = try RunningGateway(
                launchedIn: directory.path, on: loop, manager: "gateway-\(number)", flags: ["-seccomp", "log"],
                environment: isVictim ? ["PEERPODS_CRASH_POINT": "\(point)"] : [:])
            started.withLock { $0.append((gateway, isVictim)) }
            if try await gateway.isReady() { return }
            isVictim = false
        }
        Issue.record("no gateway became ready after \(life) crash point \(point)")
    }

    /// Starts a gateway if none serves.
    private func ensureGateway() async throws {
        guard let last = started.withLock({ $0.last })?.gateway else { return }
        if (try? await last.status()) == nil { try await startGateway(isVictim: false) }
    }

    /// Ends all gateways. Returns the place where the victim was killed.
    private func end() async throws -> String? {
        var place: String?
        for (gateway, isVictim) in started.withLock({ $0 }) {
            gateway.process.signal(Signals.terminate)
            let end = try await gateway.process.wait()
            guard isVictim else { continue }
            let log = try await gateway.log()
            if end == .signalled(Signals.kill) {
                let line = log.split(separator: "\n").first { $0.hasPrefix("crash point") }
                place = line.map { String($0.dropFirst("crash point \(point): ".count)) }
                #expect(place != nil, "\(log)")
            } else {
                #expect(end == .exited(0), "\(log)")
            }
        }
        return place
    }

    private func checkNothingIsLeft(_ place: String?) throws {
        let text = "after \(life) crash point \(point): \(place ?? "none")"
        #expect(try Files.list(directory.path + "/cloud/machines").isEmpty, "\(text)")
        let pods = try Files.list(directory.path + "/pods").filter { !$0.hasPrefix(".lock") }
        #expect(pods.isEmpty, "\(pods) \(text)")
        let sockets = try Files.list(directory.path).filter { $0.contains(".sock") || $0.hasPrefix(".new") }
        #expect(sockets.isEmpty, "\(sockets) \(text)")
    }
}
