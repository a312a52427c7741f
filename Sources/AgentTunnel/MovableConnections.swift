internal import LinuxIO

/// The connections of a tunnel that another process can continue: sessions, and clients that have sent nothing.
final class MovableConnections: Sendable {
    private enum Entry {
        case silent(Stream)
        case session(NodeSession)
    }

    private let entries = Lock<[ObjectIdentifier: Entry]>([:])

    /// Adds a client that has sent nothing.
    func insert(_ client: Stream) { entries.withLock { $0[ObjectIdentifier(client)] = .silent(client) } }

    /// Adds the session of `client`.
    func insert(_ session: NodeSession, of client: Stream) {
        entries.withLock { $0[ObjectIdentifier(client)] = .session(session) }
    }

    /// Removes a client. Returns false if it was detached.
    @discardableResult
    func remove(_ client: Stream) -> Bool {
        entries.withLock { $0.removeValue(forKey: ObjectIdentifier(client)) } != nil
    }

    /// Removes and detaches all connections.
    func detachAll() -> [DetachedConnection] {
        let all = entries.withLock { entries in
            defer { entries = [:] }
            return Array(entries.values)
        }
        return all.compactMap { entry in
            switch entry {
            case .session(let session): return session.detach()
            case .silent(let client):
                guard let socket = try? client.release(), let stream = try? Stream(socket, on: client.loop) else {
                    return nil
                }
                return DetachedConnection(stream, nil)
            }
        }
    }
}
