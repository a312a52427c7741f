internal import Encoding
internal import Fuzzing
internal import JSON
internal import Kubernetes

/// Examines what a client sends to the webhook, and Leases that another program has written.
@main
struct AdmissionFuzzer {
    static func main() {
        Fuzzer.run { input in
            if let review = try? AdmissionReview(input) { examine(review) }
            if let object = (try? JSONValue(parsing: input))?.objectValue, let lease = try? LeaseRecord(object) {
                examine(lease)
            }
        }
    }

    private static func examine(_ review: AdmissionReview) {
        guard review.isPodCreation, let pod = review.object else { return }
        let outcome: Result<[JSONValue], PodMutation.Refusal>
        do throws(PodMutation.Refusal) {
            outcome = .success(try PodMutation().operations(for: pod))
        } catch {
            outcome = .failure(error)
        }
        let answer = try? JSONValue(parsing: review.answer(outcome).encoded())
        require(answer?["response"]?["uid"]?.stringValue == review.uid, "the answer has another UID")
        guard case .success(let operations) = outcome, !operations.isEmpty else { return }
        let patch = answer?["response"]?["patch"]?.stringValue.flatMap { Base64.decode(Array($0.utf8)) }
        require(patch.flatMap { try? JSONValue(parsing: $0) } == .array(operations), "the patch cannot be read back")
        for operation in operations {
            let parts = (operation["path"]?.stringValue ?? "").split(separator: "/").map(String.init)
            switch parts.first {
            case "metadata": require(parts[1] == "annotations", "metadata other than annotations is changed")
            case "spec":
                let count = pod["spec"]?[parts[1]]?.arrayValue?.count ?? 0
                require(parts.count == 4 && parts[3] == "resources", "a container is changed beyond its resources")
                require(Int(parts[2]).map { $0 < count } == true, "a container that does not exist is changed")
            default: require(false, "an operation on \(parts)")
            }
        }
    }

    /// No Lease of another holder makes a candidate lead.
    private static func examine(_ lease: LeaseRecord) {
        var candidate = LeaseCandidate(identity: "fuzzer \(lease.holder)")
        let now = ContinuousClock.now
        candidate.saw(lease, at: now)
        require(!candidate.mayLead(at: now), "a Lease of another holder makes this candidate lead")
        if !lease.holder.isEmpty, lease.durationSeconds > 0 {
            require(candidate.decision(at: now, time: "t") == .wait, "a Lease is taken at its first sight")
        }
    }
}
