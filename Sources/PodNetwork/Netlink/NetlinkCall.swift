/// The name of one request to the kernel in errors.
package struct NetlinkCall: Equatable, Sendable, CustomStringConvertible {
    /// The kind of object; the remedy depends on it.
    enum Kind: Sendable { case socket, link, tunnel, linkState, address, route, neighbor, redirect, policy }

    let kind: Kind
    /// The verb in "the kernel refuses to … it".
    let verb: String
    let object: String

    init(_ kind: Kind, _ verb: String, _ object: String) {
        self.kind = kind
        self.verb = verb
        self.object = object
    }

    /// The verb and the object, such as `bring up The interface eth0`.
    package var description: String { "\(verb) \(object)" }
}
