internal import CLinux
internal import Glibc

/// A mount namespace, held open. Only processes in the namespace see its mounts. The mounts end with the last user of
/// it.
public final class MountNamespace: Sendable {
    private let name: String
    private let fd: OwnedFD

    /// Makes a namespace with a copy of the mounts of `parent` (nil: this process), changed by `body`.
    ///
    /// Mounts in the namespace and outside do not propagate to each other. `body` runs on a thread that ends
    /// afterwards. If `body` changes the root directory, threads that enter get this root, provided that it is mounted
    /// on `/`. Needs `CAP_SYS_ADMIN`.
    /// - Throws: ``SystemCallError``, with `EPERM` if this process does not have the right.
    package static func make(
        named name: String, from parent: MountNamespace? = nil,
        _ body: () throws(SystemCallError) -> Void = { () throws(SystemCallError) in }
    ) throws(SystemCallError) -> MountNamespace {
        let number = try Thread.run { () -> Swift.Result<CInt, SystemCallError> in
            do throws(SystemCallError) {
                try parent?.enter()
                _ = try systemCall("unshare", on: name) { clinux_new_mounts() }
                _ = try systemCall("mount", on: "/ in \(name)") { clinux_part_mounts() }
                // Opened before `body` runs, because `body` may hide /proc.
                let fd = OwnedFD(
                    owning: try systemCall("open", on: name) {
                        unsafe clinux_open("/proc/thread-self/ns/mnt", O_RDONLY, 0)
                    })
                try body()
                return .success(try systemCall("fcntl", on: name) { clinux_duplicate(fd.rawValue, 3) })
            } catch {
                return .failure(error)
            }
        }.get()
        return MountNamespace(name, OwnedFD(owning: number))
    }

    private init(_ name: String, _ fd: consuming OwnedFD) {
        self.name = name
        self.fd = fd
    }

    /// Runs `body` in the namespace, on a new thread, and waits for it.
    package func run<Result>(_ body: () -> Result) throws(SystemCallError) -> Result {
        try Thread.run { () -> Swift.Result<Result, SystemCallError> in
            do throws(SystemCallError) { try enter() } catch { return .failure(error) }
            return .success(body())
        }.get()
    }

    /// Moves the calling thread into the namespace, to its root directory. Processes that the thread starts inherit
    /// this.
    func enter() throws(SystemCallError) {
        _ = try systemCall("setns", on: name) { clinux_enter_mounts(fd.rawValue) }
    }
}
