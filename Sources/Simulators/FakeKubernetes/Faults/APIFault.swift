/// A fault of the fake API server: what happens, to which requests, and how often.
package struct APIFault: Equatable, Sendable {
    /// What happens.
    package enum Action: Equatable, Sendable {
        /// The request gets a Status object and has no effect.
        case refuse(status: Int, reason: String, message: String)
        /// The request gets 410; a watch gets it as a line, as from a real server.
        case expire
        /// The request is delayed.
        case delay(Duration)
        /// The request gets no answer and has no effect; the connection stays open.
        case hang
        /// The connection is closed, and the request has no effect.
        case dropBefore
        /// The request has its effect, and the connection is closed without an answer.
        case dropAfter
        /// The request has its effect; the answer is the HTML page of a proxy with this status.
        case html(status: Int)
        /// The request has its effect; half of the answer's body is sent.
        case truncate
        /// The request has its effect; the object in the answer, or in the first line of a watch, has this many bytes more.
        case oversize(bytes: Int)
        /// The watch ends in the middle of a line.
        case cut
    }

    /// The verb of the right that a request needs, such as `list` or `watch`; `*`: any.
    package var verb = "*"
    /// A resource, such as `pods` or `nodes/status`; `*`: any.
    package var resource = "*"
    /// A pattern for the name of the object, in which `*` matches any text.
    package var name = "*"
    /// A user; `*`: any.
    package var user = "*"
    /// What happens.
    package var action: Action
    /// The number of matching requests that get the fault; 0: no limit.
    package var first = 0
    /// The percentage of requests that get the fault, at random.
    package var percent = 100.0
    /// The seconds of `Retry-After` in a refusal; nil: none.
    package var retryAfter: Int?

    /// A fault of each request with this verb for this resource.
    package init(_ action: Action, at verb: String = "*", _ resource: String = "*", first: Int = 0) {
        self.action = action
        self.verb = verb
        self.resource = resource
        self.first = first
    }

    /// The answer of a server that has too many requests.
    package static func throttled(first: Int = 0, retryAfter: Int = 1) -> APIFault {
        var fault = APIFault(
            .refuse(status: 429, reason: "TooManyRequests", message: "storage is (re)initializing"), first: first)
        fault.retryAfter = retryAfter
        return fault
    }

    func matches(_ call: APICall) -> Bool {
        ["*", call.verb].contains(verb) && ["*", call.resource].contains(resource) && ["*", call.user].contains(user)
            && NamePattern(name).matches(call.name)
    }
}

/// A request for an object or a list, as faults and rights see it.
struct APICall: Equatable, Sendable {
    let user: String
    let verb: String
    /// The plural of the kind, with the sub-resource.
    let resource: String
    /// Empty for a list.
    let name: String
}

/// A pattern in which `*` matches any text.
struct NamePattern {
    private let parts: [Substring]

    init(_ text: String) { parts = text.split(separator: "*", omittingEmptySubsequences: false) }

    func matches(_ text: String) -> Bool {
        guard let head = parts.first, let tail = parts.last, text.hasPrefix(head) else { return false }
        if parts.count == 1 { return text == head }
        var rest = text.dropFirst(head.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let place = rest.firstRange(of: part) else { return false }
            rest = rest[place.upperBound...]
        }
        return rest.hasSuffix(tail)
    }
}
