#if DEBUG
    internal import Synchronization

    /// A disk that refuses changes below a directory. Tests fail each change of a file in turn. Only debug builds have it.
    package final class DiskFault: Sendable {
        private static let changes: Set<String> = [
            "fsync", "mkdir", "mkdirat", "rename", "renameat", "syncfs", "unlinkat", "write",
        ]
        private static let isUsed = Atomic(false)
        private static let all = Lock<[String: DiskFault]>([:])

        private let errno: CInt
        private let first: Int
        private let persists: Bool
        private let state = Lock((changes: 0, hits: [String](), isOver: false))

        /// Refuses the change number `first` below `directory` with `errno`; if it `persists`, the following ones too.
        package init(_ errno: CInt, at first: Int, persists: Bool, below directory: String) {
            (self.errno, self.first, self.persists) = (errno, first, persists)
            Self.isUsed.store(true, ordering: .relaxed)
            Self.all.withLock { $0[directory] = self }
        }

        /// The refused changes.
        package var hits: [String] { state.withLock { $0.hits } }

        /// The disk is healthy again.
        package func end() { state.withLock { $0.isOver = true } }

        private func refuses(_ call: String, _ path: String) -> Bool {
            state.withLock { state in
                if state.isOver { return false }
                state.changes += 1
                guard persists ? state.changes >= first : state.changes == first else { return false }
                state.hits.append("\(call) \(path)")
                return true
            }
        }

        /// Refuses the system call, if it changes a file below a directory with a fault.
        static func check(_ call: String, on subject: () -> String) throws(SystemCallError) {
            guard isUsed.load(ordering: .relaxed), changes.contains(call) else { return }
            let path = subject()
            let fault = all.withLock { all in all.first { path == $0.key || path.hasPrefix($0.key + "/") }?.value }
            guard let fault, fault.refuses(call, path) else { return }
            throw SystemCallError(call: call, errno: fault.errno, subject: path)
        }
    }
#endif
