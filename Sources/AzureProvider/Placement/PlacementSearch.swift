internal import PodVMLifecycle

/// The search for a size and a zone for one VM: the remaining candidates, and the failed tries.
///
/// A value without clock or cloud: it returns the next candidate, records failures, and at the end returns the error.
struct PlacementSearch: Sendable {
    /// A try that failed.
    struct Failure: Sendable {
        let candidate: Candidate
        let error: ARMError
        let policy: FailurePolicy
    }

    /// The most tries of one VM, in all places together: more tries take longer than a pod waits.
    static let limit = 6

    private let memory: UnavailablePlaces
    private let candidates: [Candidate]
    private(set) var failures: [Failure] = []

    init(_ candidates: [Candidate], memory: UnavailablePlaces) {
        self.candidates = candidates
        self.memory = memory
    }

    /// The first choice.
    var preferred: Candidate? { candidates.first }

    /// The candidate to try now; nil when no candidate is left that may succeed.
    ///
    /// When all places are avoided, the place whose time ends first is tried, once: outdated failures must not prevent
    /// pods from starting.
    var next: Candidate? {
        guard failures.count < Self.limit else { return nil }
        guard let last = failures.last else {
            return open(candidates) ?? candidates.min { until($0) < until($1) }
        }
        switch last.policy.fallback {
        case .later, .nothing: return nil
        case .again where failures.count(where: { $0.candidate == last.candidate }) == 1: return last.candidate
        case .again, .anotherZone, .anotherSize, .anotherFamily:
            let tried = Set(failures.map(\.candidate))
            return open(candidates.filter { !tried.contains($0) && !isRuledOut($0) })
        }
    }

    /// Records a failed try.
    mutating func failed(_ candidate: Candidate, _ error: ARMError) {
        let policy = FailurePolicy(error)
        let isFirst = !failures.contains { $0.candidate == candidate }
        failures.append(Failure(candidate: candidate, error: error, policy: policy))
        // A place that gets another try is not avoided yet.
        if policy.fallback == .again, isFirst { return }
        memory.remember(candidate, policy, code: error.innermost?.code ?? error.code)
    }

    private func open(_ candidates: [Candidate]) -> Candidate? { candidates.first { memory.block(of: $0) == nil } }

    private func until(_ candidate: Candidate) -> ContinuousClock.Instant {
        memory.block(of: candidate)?.until ?? .now
    }

    /// Whether a failure of this search excludes the candidate, regardless of the results of other searches.
    private func isRuledOut(_ candidate: Candidate) -> Bool {
        failures.contains { failure in
            let failed = failure.candidate.size
            return switch failure.policy.fallback {
            case .anotherSize: failed.name == candidate.size.name
            case .anotherFamily: failed.family == candidate.size.family && failed.vcpus <= candidate.size.vcpus
            case .anotherZone, .again, .later, .nothing: false
            }
        }
    }
}

extension Candidate {
    /// The place as the lifecycle names it. `isConfidential` says whether the VM is created as a confidential VM.
    func place(isConfidential: Bool) -> InstancePlace {
        InstancePlace(size: size.name, zone: zone, tee: isConfidential ? size.tee : TEE.none)
    }
}

extension PlacementSearch {
    /// The error that ends the search, with all tries.
    func error(during operation: String) -> ProviderError {
        guard let last = failures.last else {
            return ProviderError(.rejected, .giveUp, during: operation, "no size and zone is left to try")
        }
        var tries = failures.map { "\($0.candidate): \($0.error.detail)" }
        if failures.count > 1 { tries = tries.enumerated().map { "try \($0 + 1), \($1)" } }
        var detail = tries.joined(separator: "; ")
        let tried = Set(failures.map(\.candidate))
        if case .later = last.policy.fallback {
        } else if case .nothing = last.policy.fallback {
        } else {
            for candidate in candidates where !tried.contains(candidate) {
                guard let block = memory.block(of: candidate) else { continue }
                detail += "; not tried: \(candidate), where \(block.code) occurred recently"
            }
        }
        if !last.policy.hint.isEmpty { detail += ". \(last.policy.hint)" }
        return ProviderError(last.policy.code, last.policy.advice, during: operation, detail)
    }
}

/// A size and a zone in which a VM may be tried.
struct Candidate: Hashable, Sendable, CustomStringConvertible {
    let size: VMSize
    /// Nil: the region decides.
    let zone: String?

    var description: String { zone.map { "\(size.name) in zone \($0)" } ?? size.name }

    /// Every size in each of its zones, in the order of both lists: another zone costs nothing, another size may cost
    /// more.
    ///
    /// A size whose zones are known is not tried in other zones.
    static func all(_ sizes: [VMSize], zones: [String]) -> [Candidate] {
        sizes.flatMap { size in
            if zones.isEmpty { return [Candidate(size: size, zone: nil)] }
            let open = size.zones.isEmpty && size.vcpus == 0 ? zones : zones.filter(size.zones.contains)
            return open.map { Candidate(size: size, zone: $0) }
        }
    }
}
