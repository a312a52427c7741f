internal import PodVMLifecycle

/// What helps against a failure of ARM's, and what the pod is told if nothing does.
struct Remedy: Equatable, Sendable {
    /// What may succeed where this failed.
    enum Help: Equatable, Sendable {
        /// The size in another zone, or another size; this one, here, is avoided for a while.
        case anotherZone(avoid: Duration)
        /// Another size; this one is avoided for a while in every zone.
        case anotherSize(avoid: Duration)
        /// A size of another family, as this family's cores are used up. Nil: Azure did not name it.
        case anotherFamily(String?, avoid: Duration)
        /// The same once more, then as with another zone.
        case again
        /// Only time.
        case later
        /// Nothing but another request, or another configuration.
        case nothing
    }

    let help: Help
    let code: ProviderError.Code
    /// How long to wait before all of it is tried again.
    var pause = Duration.seconds(30)
    /// What a person can do, where the code's own hint is not enough; a sentence.
    var hint = ""

    var advice: ProviderError.Advice { help == .nothing ? .giveUp : .retry(after: pause) }

    init(_ help: Help, _ code: ProviderError.Code, pause: Duration = .seconds(30), hint: String = "") {
        self.help = help
        self.code = code
        self.pause = pause
        self.hint = hint
    }
}

extension Remedy {
    /// An hour for capacity, as Karpenter has it: long enough that not every pod finds out anew, at a minute each.
    static let noCapacity = Duration.seconds(3600)
    /// What two tenants fight for at the moment.
    static let contention = Duration.seconds(600)
    /// Karpenter's 23 hours: what a subscription is not offered comes back with a change of its contract.
    static let notOffered = Duration.seconds(23 * 3600)
    /// Until usage falls, which it does with every pod that ends.
    static let noQuota = Duration.seconds(300)
    /// A fault of Azure's own in one place.
    static let fault = Duration.seconds(300)

    /// Reads ARM's error: by HTTP status where that says more, by code, and by words only where Azure uses one code for
    /// many things (OperationNotAllowed).
    init(_ error: ARMError) {
        switch error.kind {
        case .cancelled: self.init(.later, .cancelled, pause: .zero)
        case .notSent, .unanswered, .malformed: self.init(.later, .unreachable, pause: .seconds(5))
        case .credential: self.init(.later, .unauthorized, pause: .seconds(30))
        case .refused(401): self.init(.later, .unauthorized, pause: .seconds(30))
        case .refused(429): self = Remedy(throttled: error)
        case .refused, .operationFailed:
            // The cause, where ARM tells of one, says more than what it caused.
            let codes = [error.innermost?.code, error.code].compactMap { $0?.lowercased() }.filter { !$0.isEmpty }
            let words = "\(error.message) \(error.innermost?.message ?? "")".lowercased()
            self = codes.lazy.compactMap { Remedy(code: $0, words: words, error) }.first ?? Remedy(unknown: error)
        }
    }

    private init(throttled error: ARMError) {
        self.init(.later, .throttled, pause: error.retryAfter ?? .seconds(30))
    }

    /// What no table has: by the status alone.
    private init(unknown error: ARMError) {
        switch error.status {
        case 403?:
            self.init(.nothing, .unauthorized)
        case .some(408), .some(500...599): self.init(.later, .unreachable, pause: error.retryAfter ?? .seconds(15))
        case 409?: self.init(.later, .operationFailed, pause: error.retryAfter ?? .seconds(15))
        case .some: self.init(.nothing, .rejected)
        // An operation that failed for a reason of which we know nothing: once more may do.
        case nil: self.init(.again, .operationFailed)
        }
    }

    private init?(code: String, words: String, _ error: ARMError) {
        if let remedy = Self.capacity(code) ?? Self.quota(code, words) ?? Self.configuration(code, words)
            ?? Self.passing(code, words, error)
        {
            self = remedy
        } else {
            return nil
        }
    }
}
