internal import HTTPTransport
internal import JSON

/// Azure's limits on calls: those of ARM for each principal, and those of the resource providers.
struct Throttle: Sendable {
    /// A limit that a call counts against.
    struct Policy: Equatable, Sendable {
        /// The principal or resource to which the limit applies.
        var key: String
        /// The name in headers.
        var name: String
        var capacity: Double
        /// Calls a second.
        var rate: Double
        var isARM: Bool
    }

    private var buckets: [String: FakeTokenBucket] = [:]
    private var sweepAt = 4096

    /// The decision about a call.
    enum Verdict: Equatable, Sendable {
        /// Admitted; the headers have what is left of the limits.
        case admitted(HTTPHeaders)
        /// Refused by this limit, which admits a call after `wait` seconds.
        case refused(Policy, wait: Double)
    }

    /// Counts a call, or refuses it; `now` is in seconds since a fixed time.
    mutating func admit(_ call: AzureCall, principal: String, resource: String, at now: Double) -> Verdict {
        let policies = Throttle.policies(call, principal: principal, resource: resource)
        var headers = HTTPHeaders()
        var compute: [String] = []
        // A call is counted against no limit unless all limits admit it.
        for policy in policies {
            var bucket = buckets[policy.key] ?? FakeTokenBucket(capacity: policy.capacity, rate: policy.rate, at: now)
            let remaining = bucket.remaining(at: now)
            buckets[policy.key] = bucket
            if remaining < 1 { return .refused(policy, wait: bucket.wait) }
        }
        for policy in policies {
            buckets[policy.key]?.take()
            let left = Int(buckets[policy.key]?.remaining(at: now) ?? 0)
            if policy.isARM {
                headers.add("x-ms-ratelimit-remaining-\(policy.name)", String(left))
            } else {
                compute.append("\(policy.name);\(left)")
            }
        }
        if !compute.isEmpty { headers.add("x-ms-ratelimit-remaining-resource", compute.joined(separator: ",")) }
        if buckets.count > sweepAt { sweep(at: now) }
        return .admitted(headers)
    }

    /// Removes full buckets, because a new bucket is full.
    private mutating func sweep(at now: Double) {
        for key in Array(buckets.keys) {
            guard let capacity = buckets[key]?.capacity, let left = buckets[key]?.remaining(at: now) else { continue }
            if left >= capacity { buckets[key] = nil }
        }
        sweepAt = max(4096, 2 * buckets.count)
    }

    static func policies(_ call: AzureCall, principal: String, resource: String) -> [Policy] {
        let kind = call.kind
        let (capacity, rate): (Double, Double) = kind == .read ? (250, 25) : (200, 10)
        var policies = [
            Policy(
                key: "arm/\(kind)/\(principal)", name: "subscription-\(kind.rawValue)", capacity: capacity, rate: rate,
                isARM: true),
            Policy(
                key: "arm/\(kind)", name: "subscription-global-\(kind.rawValue)", capacity: 15 * capacity,
                rate: 15 * rate, isARM: true),
        ]
        let target = resource.lowercased()
        func compute(_ name: String, each: Double?, all: Double) {
            if let each {
                policies.append(
                    Policy(
                        key: "\(name)/\(target)", name: "Microsoft.Compute/\(name)Resource", capacity: 3 * each,
                        rate: each / 60, isARM: false))
            }
            policies.append(
                Policy(
                    key: name, name: "Microsoft.Compute/\(name)SubscriptionMaximum", capacity: 3 * all, rate: all / 60,
                    isARM: false))
        }
        switch call {
        case .machinePut: compute("PutVM", each: 4, all: 500)
        case .machinePatch: compute("UpdateVM", each: 4, all: 500)
        case .machineDelete: compute("DeleteVM", each: 4, all: 500)
        case .machineGet, .instanceView: compute("GetVM", each: 12, all: 8000)
        case .machineList: compute("ListVM", each: nil, all: 300)
        case .operationGet: compute("GetOperation", each: 15, all: 5000)
        case .interfaceGet, .interfaceList, .publicAddressGet, .publicAddressList:
            policies.append(
                Policy(
                    key: "network/reads", name: "Microsoft.Network/reads", capacity: 10_000, rate: 10_000 / 300,
                    isARM: false))
        case .interfaceDelete, .publicAddressDelete:
            policies.append(
                Policy(
                    key: "network/writes", name: "Microsoft.Network/writes", capacity: 1000, rate: 1000 / 300,
                    isARM: false))
        default: break
        }
        return policies
    }
}

extension FakeARMFault {
    /// The refusal of a call by a limit; `wait` is in seconds.
    static func throttled(by policy: Throttle.Policy, wait: Int) -> FakeARMFault {
        var fault: FakeARMFault
        if policy.isARM {
            fault = FakeARMFault(
                429, "TooManyRequests",
                "Number of requests for subscription exceeded the limit of \(Int(policy.capacity)). "
                    + "Please try again after '\(wait)' seconds.")
            fault.isGateway = true
        } else {
            fault = FakeARMFault(
                429, "OperationNotAllowed",
                "The server rejected the request because too many requests have been received for this subscription.")
            fault.details = [
                [
                    "code": "TooManyRequests", "target": .string(policy.name),
                    "message": .string(
                        "{\"operationGroup\":\"\(policy.name)\",\"allowedRequestCount\":\(Int(policy.capacity)),"
                            + "\"measuredRequestCount\":\(Int(policy.capacity) + 1)}"),
                ]
            ]
        }
        fault.headers.add("Retry-After", String(wait))
        return fault
    }
}
