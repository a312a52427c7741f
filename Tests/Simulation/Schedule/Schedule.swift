internal import PodVMLifecycle

/// One run of the simulation: a few pods, a supervisor, faults, and the rules that must hold.
///
/// The schedule makes steps until a number that the seed decides. A step runs one job of the supervisor, completes one
/// operation of a port, or changes something outside the supervisor. Then the faults end, time passes, and the schedule
/// checks what must hold at rest.
final class Schedule {
    /// The most steps after the faults have ended.
    private static let settlingLimit = 100_000
    /// The time without faults: longer than the grace time for orphans, and than the longest pause between two tries.
    private static let settlingTime = Duration.seconds(240)

    let world: World
    let defect: Defect?
    /// Whether a gateway keeps the shims' connections while no process serves.
    let hasGateway: Bool
    /// The processes that live: the one that has the lock on the pods directory, and a standby that waits for it.
    var processes: [NodeProcess] = []
    /// The process that has the lock: it loads, serves or ends.
    var current: NodeProcess? { world.withState { state in processes.first { $0.id == state.lockHolder } } }
    private let steps: Int

    init(seed: UInt64, defect: Defect? = nil) {
        world = World(seed: seed)
        self.defect = defect
        (steps, hasGateway) = world.withState { state in
            let steps = state.random.within(150...600)
            let hasGateway = state.random.chance(50)
            state.placeOtherVMs()
            state.pods = (0..<state.random.within(1...4)).map { Pod(number: $0, random: &state.random) }
            return (steps, hasGateway)
        }
    }

    /// Runs the schedule, and returns how it ended.
    func run() -> Outcome {
        startProcess()
        var step = 0
        while step < steps, isIntact, !isQuiet {
            makeStep()
            step += 1
        }
        settle()
        end()
        return world.withState { state in
            Outcome(
                violation: state.violation, steps: state.trace.entries.count, trace: state.trace, faults: state.faults,
                checks: state.checks)
        }
    }

    /// Whether no rule is broken.
    var isIntact: Bool { world.withState { $0.violation == nil } }

    /// Lets time pass without faults, and checks what must hold then.
    private func settle() {
        let deadline = world.withState { state in
            state.beginSettling()
            return state.time + Self.settlingTime
        }
        var step = 0
        while isIntact, step < Self.settlingLimit, !isAtRest(after: deadline) {
            makeSettlingStep()
            step += 1
        }
        world.withState { state in
            state.check(.comesToRest, step < Self.settlingLimit, "there is still work after \(step) steps")
            if state.violation == nil { state.checkRest() }
        }
    }

    private func isAtRest(after deadline: Duration) -> Bool {
        world.withState {
            $0.time >= deadline
                && $0.operations.allSatisfy { operation in
                    if case .always = operation.readiness { false } else { true }
                }
        } && readyJobs == 0
    }

    var readyJobs: Int { processes.reduce(0) { $0 + $1.executor.ready } }

    /// Ends the processes that are left, and checks that none of their tasks is left.
    private func end() {
        for process in processes { crash(process) }
    }
}

/// How a schedule ended.
struct Outcome {
    let violation: Violation?
    let steps: Int
    let trace: Trace
    let faults: Tally<Fault>
    let checks: Tally<Invariant>
}

extension Pod {
    /// A pod whose sandbox's id and name the random numbers decide. Some names of VMs are equal.
    fileprivate init(number: Int, random: inout SeededRandom) {
        let prefix = random.chance(10) ? "0a1b2c3d" : String(0x1000_0000 + random.below(0x7000_0000), radix: 16)
        let id = SandboxID.make("\(prefix)\(number)")
        self.id = id
        request = SandboxRequest(
            id: id, podName: "web", podNamespace: "default",
            networkNamespacePath: random.chance(75) ? "/run/netns/pod-\(number)" : "")
        isKept = random.chance(50)
        manner = random.chance(50) ? .go : .rust
    }
}

extension SandboxID {
    fileprivate static func make(_ text: String) -> SandboxID {
        do {
            return try SandboxID(validating: text)
        } catch {
            preconditionFailure("the simulation made an invalid id: \(error)")
        }
    }
}

extension WorldState {
    fileprivate mutating func beginSettling() {
        isFaulty = false
        disk.condition = .healthy
        cloud.faultPercent = 0
        note(.settling)
    }
}
