/// One request to the kernel: what for, and about what, so that a refusal can be told.
package struct NetlinkCall: Equatable, Sendable, CustomStringConvertible {
    /// What kind of thing it is about; remedies go by it.
    package enum Kind: Sendable { case socket, link, tunnel, linkState, address, route, neighbor, redirect, policy }

    let kind: Kind
    /// As in "the kernel refuses to … it".
    let verb: String
    let object: String

    init(_ kind: Kind, _ verb: String, _ object: String) {
        self.kind = kind
        self.verb = verb
        self.object = object
    }

    package var description: String { "\(verb) \(object)" }
}

/// Where a test can refuse what the kernel would have allowed, or lose its answer.
package struct NetlinkGate: Sendable {
    /// What becomes of a request.
    package enum Verdict: Sendable {
        /// It goes to the kernel.
        case pass
        /// It does not, and ends as if the kernel had refused.
        case refuse(errno: CInt)
        /// The kernel does it, but the caller hears that it refused.
        case lose(errno: CInt)
        /// The kernel says that what it listed has changed meanwhile.
        case interrupt
    }

    let judge: @Sendable (NetlinkCall) -> Verdict

    /// A gate that asks `judge` about each request.
    package init(_ judge: @escaping @Sendable (NetlinkCall) -> Verdict) { self.judge = judge }

    /// The one in use: everything passes.
    package static let open = NetlinkGate { _ in .pass }
}
