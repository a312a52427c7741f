internal import PodVMLifecycle

/// The handling of a failure of ARM: where another try may succeed, and which error the pod gets if no try succeeds.
struct FailurePolicy: Equatable, Sendable {
    /// The kind of try that may succeed after this failure.
    enum Fallback: Equatable, Sendable {
        /// The size in another zone, or another size; this size in this zone is avoided for a while.
        case anotherZone(avoid: Duration)
        /// Another size; this size is avoided for a while in every zone.
        case anotherSize(avoid: Duration)
        /// A size of another family, because the quota of this family's cores is used up. Nil: Azure did not name the
        /// family.
        case anotherFamily(String?, avoid: Duration)
        /// The same place once more, then another zone.
        case again
        /// A later try.
        case later
        /// Only another request, or another configuration, may succeed.
        case nothing
    }

    let fallback: Fallback
    let code: ProviderError.Code
    /// The wait before the VM is tried again.
    var pause = Duration.seconds(30)
    /// The next step for a person, if the code's own hint is not enough: a sentence.
    var hint = ""

    var advice: ProviderError.Advice { fallback == .nothing ? .giveUp : .retry(after: pause) }

    init(_ fallback: Fallback, _ code: ProviderError.Code, pause: Duration = .seconds(30), hint: String = "") {
        self.fallback = fallback
        self.code = code
        self.pause = pause
        self.hint = hint
    }
}

extension FailurePolicy {
    /// An hour for capacity, as in Karpenter: long enough that not every pod repeats a failure that takes a minute.
    static let noCapacity = Duration.seconds(3600)
    /// The time for resources that tenants compete for at the moment.
    static let contention = Duration.seconds(600)
    /// 23 hours, as in Karpenter: an offer for a subscription changes only with its contract.
    static let notOffered = Duration.seconds(23 * 3600)
    /// The time for usage to fall. Usage falls with every pod that ends.
    static let noQuota = Duration.seconds(300)
    /// The time for an internal fault of Azure in one place.
    static let fault = Duration.seconds(300)

    /// Reads ARM's error: the HTTP status if that is more exact, then the code. It reads the message only where Azure
    /// uses one code for several faults (OperationNotAllowed).
    init(_ error: ARMError) {
        switch error.kind {
        case .cancelled: self.init(.later, .cancelled, pause: .zero)
        case .notSent, .unanswered, .malformed: self.init(.later, .unreachable, pause: .seconds(5))
        case .credential: self.init(.later, .unauthorized, pause: .seconds(30))
        case .refused(401): self.init(.later, .unauthorized, pause: .seconds(30))
        case .refused(429): self = FailurePolicy(throttled: error)
        case .refused, .operationFailed:
            // The innermost cause, if ARM names it, is more exact than the outer error.
            let codes = [error.innermost?.code, error.code].compactMap { $0?.lowercased() }.filter { !$0.isEmpty }
            let words = "\(error.message) \(error.innermost?.message ?? "")".lowercased()
            self =
                codes.lazy.compactMap { FailurePolicy(code: $0, words: words, error) }.first
                ?? FailurePolicy(unknown: error)
        }
    }

    private init(throttled error: ARMError) {
        self.init(.later, .throttled, pause: error.retryAfter ?? .seconds(30))
    }

    /// The policy for errors that are in no table: by the status alone.
    private init(unknown error: ARMError) {
        switch error.status {
        case 403?:
            self.init(.nothing, .unauthorized)
        case .some(408), .some(500...599): self.init(.later, .unreachable, pause: error.retryAfter ?? .seconds(15))
        case 409?: self.init(.later, .operationFailed, pause: error.retryAfter ?? .seconds(15))
        case .some: self.init(.nothing, .rejected)
        // An operation that failed for an unknown reason: another try may succeed.
        case nil: self.init(.again, .operationFailed)
        }
    }

    private init?(code: String, words: String, _ error: ARMError) {
        if let policy = Self.capacity(code) ?? Self.quota(code, words) ?? Self.configuration(code, words)
            ?? Self.passing(code, words, error)
        {
            self = policy
        } else {
            return nil
        }
    }
}

/// ARM's codes, in lower case, and how each is handled.
extension FailurePolicy {
    /// Azure has no capacity left there.
    static func capacity(_ code: String) -> FailurePolicy? {
        switch code {
        case "allocationfailed", "overconstrainedallocationrequest":
            FailurePolicy(.anotherSize(avoid: noCapacity), .outOfCapacity, pause: .seconds(60))
        case "zonalallocationfailed":
            FailurePolicy(.anotherZone(avoid: noCapacity), .outOfCapacity, pause: .seconds(60))
        case "overconstrainedzonalallocationrequest":
            FailurePolicy(.anotherZone(avoid: contention), .outOfCapacity, pause: .seconds(60))
        case "skunotavailable":
            FailurePolicy(.anotherZone(avoid: notOffered), .outOfCapacity, pause: .seconds(60))
        case "subnetisfull", "insufficientsubnetsize":
            FailurePolicy(
                .later, .outOfCapacity, pause: .seconds(60),
                hint: "The subnet has no free address: enlarge it, or configure another one with -subnetid.")
        default: nil
        }
    }

    /// The account's quota is used up.
    static func quota(_ code: String, _ words: String) -> FailurePolicy? {
        switch code {
        case "publicipcountlimitreached":
            return FailurePolicy(
                .later, .quotaExceeded, pause: .seconds(60),
                hint: "The quota of public addresses is used up: raise it, or do without -use-public-ip.")
        case "operationnotallowed", "quotaexceeded", "resourcequotaexceeded":
            guard code != "operationnotallowed" || words.contains("quota") else { return nil }
            let isNone = words.contains("current limit: 0,") || words.contains("current limit: 0.")
            if words.contains("total regional cores") {
                return isNone
                    ? FailurePolicy(.nothing, .quotaExceeded)
                    : FailurePolicy(.later, .quotaExceeded, pause: .seconds(60))
            }
            return FailurePolicy(
                .anotherFamily(family(in: words), avoid: isNone ? notOffered : noQuota), .quotaExceeded,
                pause: .seconds(60),
                hint: isNone ? "None of these cores are granted to the subscription: ask Azure for some." : "")
        default: return nil
        }
    }

    /// `standarddcev6family` of "exceeding approved standardDCEV6Family Cores quota".
    private static func family(in words: String) -> String? {
        words.split(separator: " ").map(String.init).first { $0.hasSuffix("family") }
    }

    /// The request, or a resource that it refers to, is wrong.
    static func configuration(_ code: String, _ words: String) -> FailurePolicy? {
        switch code {
        case "invalidparameter" where words.contains("not available in the current region"):
            FailurePolicy(.anotherSize(avoid: notOffered), .rejected)
        case "badrequest" where words.contains("not supported for creation of vms"):
            FailurePolicy(.anotherSize(avoid: notOffered), .rejected, hint: "The size is not for this kind of VM.")
        case "badrequest", "invalidparameter", "invalidrequestcontent", "invalidrequestformat",
            "invalidapiversionparameter",
            "missingapiversionparameter", "propertychangenotallowed", "conflictinguserinput",
            "requestdisallowedbypolicy":
            FailurePolicy(.nothing, .rejected)
        case "galleryimagenotfound", "imagenotfound", "platformimagenotfound":
            FailurePolicy(
                .nothing, .rejected,
                hint:
                    "Check that the image (-imageid, or the pod's annotation) exists, and is replicated to the region.")
        case "resourcenotfound", "invalidresourcereference", "notfound":
            FailurePolicy(
                .nothing, .rejected,
                hint: "Something that the VM refers to does not exist: check -subnetid, -securitygroupid, -imageid and "
                    + "-user-assigned-identities.")
        case "resourcegroupnotfound":
            FailurePolicy(.nothing, .rejected, hint: "Create the resource group, or correct -resourcegroup.")
        case "subscriptionnotfound":
            FailurePolicy(.nothing, .rejected, hint: "Check -subscriptionid, and that -tenantid is its tenant.")
        case "missingsubscriptionregistration", "noregisteredproviderfound":
            FailurePolicy(
                .nothing, .rejected,
                hint:
                    "Register the provider: az provider register --namespace Microsoft.Compute (and Microsoft.Network)."
            )
        case "linkedauthorizationfailed":
            FailurePolicy(
                .nothing, .unauthorized,
                hint:
                    "Its role lacks a right on what the VM refers to: join on the subnet and the security group, read on "
                    + "the image, assign on the identities.")
        case "authorizationfailed": FailurePolicy(.nothing, .unauthorized)
        case "invalidauthenticationtoken", "expiredauthenticationtoken", "authenticationfailed":
            FailurePolicy(.later, .unauthorized)
        default: nil
        }
    }

    /// Failures that end without a change of the request or the configuration.
    static func passing(_ code: String, _ words: String, _ error: ARMError) -> FailurePolicy? {
        switch code {
        case "toomanyrequests", "subscriptionrequeststhrottled":
            FailurePolicy(.later, .throttled, pause: error.retryAfter ?? .seconds(30))
        case "conflict" where words.contains("resiz"): FailurePolicy(.nothing, .operationFailed)
        case "conflict", "anotheroperationinprogress", "retryableerrorduetoanotheroperation", "operationnotallowed",
            "attachdiskwhilebeingdetached", "preconditionfailed":
            FailurePolicy(.later, .operationFailed, pause: error.retryAfter ?? .seconds(15))
        case "nicreservedforanothervm":
            // Azure reserves an interface for the VM that it was created for, for three minutes.
            FailurePolicy(.later, .operationFailed, pause: error.retryAfter ?? .seconds(180))
        case "operationpreempted", "canceledandsupersededduetoanotheroperation", "osprovisioningtimedout",
            "vmstarttimedout", "vmagentstatuscommunicationerror", "osprovisioninginternalerror",
            "osprovisioningclienterror":
            FailurePolicy(.again, .operationFailed)
        case "retryableerror", "internalexecutionerror", "internalservererror", "internaloperationerror",
            "networkinginternaloperationerror", "serviceunavailable":
            // The client has already retried requests that ARM answered with this code.
            error.kind == .operationFailed
                ? FailurePolicy(.again, .operationFailed) : FailurePolicy(.anotherZone(avoid: fault), .operationFailed)
        default: nil
        }
    }
}
