internal import LinuxIO

/// A session of the VM's end that an earlier process has stored before it crashed.
///
/// Each session has three descriptors in the store: the two files of its journal, and the agent's socket once there is
/// one. The store does not keep an order, so each has a name of its own.
struct StoredSession {
    static let agentSuffix = ".agent"
    static let stateSuffix = ".state"
    static let outputSuffix = ".output"
    private static let prefix = "session-"

    /// A descriptor of the session is missing: the process ended before it had stored all of them.
    struct Incomplete: Error, CustomStringConvertible {
        let suffix: String

        var description: String { "the store has no \(suffix.dropFirst()) of it" }
    }

    let name: String
    /// The agent's socket; nil if the agent has no byte of the session.
    let agent: Stream?
    let journal: SessionJournal
    let recovery: SessionJournal.Recovery

    /// Makes a name for a new session.
    static func newName() -> String { prefix + String(UInt64.random(in: 0...UInt64.max), radix: 16) }

    /// The names of the sessions in `kept`.
    static func names(in kept: KeptDescriptors) -> [String] {
        let names = kept.names.filter { $0.hasPrefix(prefix) }.map { String($0.prefix { $0 != "." }) }
        return Set(names).sorted()
    }

    /// Removes a session from the store.
    static func drop(_ name: String, from store: any DescriptorStore) {
        for suffix in [agentSuffix, stateSuffix, outputSuffix] { store.drop(name + suffix) }
    }

    /// Takes the session `name` out of `kept`.
    ///
    /// - Throws: ``Incomplete``, `SessionFault`, or `SystemCallError`.
    init(
        _ name: String, in kept: KeptDescriptors, room: JournalRoom = JournalRoom(), on loop: EpollLoop
    ) throws {
        self.name = name
        guard let state = kept.take(name + Self.stateSuffix) else { throw Incomplete(suffix: Self.stateSuffix) }
        guard let output = kept.take(name + Self.outputSuffix) else { throw Incomplete(suffix: Self.outputSuffix) }
        if let socket = kept.take(name + Self.agentSuffix) {
            agent = try Stream(socket, on: loop)
        } else {
            agent = nil
        }
        journal = try SessionJournal(
            continuing: MemoryFile(state, named: "session-state"), output: MemoryFile(output, named: "session-output"),
            room: room)
        recovery = try journal.recover(agent: agent)
    }
}
