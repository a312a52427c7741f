/// Faults that a test injects into netlink requests.
package struct NetlinkFaults: Sendable {
    /// The outcome of a request.
    package enum Outcome: Sendable {
        /// The request goes to the kernel.
        case pass
        /// The request does not go to the kernel, and fails as if the kernel had refused it.
        case refuse(errno: CInt)
        /// The kernel executes the request, but the caller gets an error.
        case lose(errno: CInt)
        /// The kernel reports that the list has changed while it was read.
        case interrupt
    }

    let decide: @Sendable (NetlinkCall) -> Outcome

    /// Faults that `decide` chooses for each request.
    package init(_ decide: @escaping @Sendable (NetlinkCall) -> Outcome) { self.decide = decide }

    /// No faults.
    package static let none = NetlinkFaults { _ in .pass }
}
