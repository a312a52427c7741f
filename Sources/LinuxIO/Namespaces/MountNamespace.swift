internal import CLinux
internal import Glibc

/// A mount namespace, held open: what is mounted in it is seen by those who enter it, and is gone with the last of them.
public final class MountNamespace: Sendable {
    private let name: String
    private let fd: OwnedFD

    /// Makes one with a copy of the mounts of `parent` (nil: this process), changed by `body`.
    ///
    /// Mounts there and elsewhere do not follow each other. `body` runs on a thread that is gone afterwards; if it
    /// changes the root directory, that is the root for those who enter, provided that it is mounted on `/`.
    /// Needs `CAP_SYS_ADMIN`.
    /// - Throws: ``SystemCallError``, with `EPERM` when this process may not.
    package static func make(
        named name: String, from parent: MountNamespace? = nil,
        _ body: () throws(SystemCallError) -> Void = { () throws(SystemCallError) in }
    ) throws(SystemCallError) -> MountNamespace {
        let number = try Thread.run { () -> Swift.Result<CInt, SystemCallError> in
            do throws(SystemCallError) {
                try parent?.enter()
                _ = try systemCall("unshare", on: name) { clinux_new_mounts() }
                _ = try systemCall("mount", on: "/ in \(name)") { clinux_part_mounts() }
                // Opened first, for `body` may hide /proc.
                let fd = OwnedFD(
                    owning: try systemCall("open", on: name) {
                        unsafe clinux_open("/proc/thread-self/ns/mnt", O_RDONLY, 0)
                    })
                try body()
                return .success(try systemCall("fcntl", on: name) { clinux_duplicate(fd.rawValue) })
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

    /// Runs `body` in the namespace, on a thread of its own, and waits for it.
    package func run<Result>(_ body: () -> Result) throws(SystemCallError) -> Result {
        try Thread.run { () -> Swift.Result<Result, SystemCallError> in
            do throws(SystemCallError) { try enter() } catch { return .failure(error) }
            return .success(body())
        }.get()
    }

    /// Has the calling thread, and what it starts, in the namespace from here on, at its root directory.
    func enter() throws(SystemCallError) {
        _ = try systemCall("setns", on: name) { clinux_enter_mounts(fd.rawValue) }
    }
}

/// Mounts of the calling thread's mount namespace, which should be one of its own (see ``MountNamespace``).
package enum Mounts {
    /// What a mount forbids those who use it.
    package struct Restrictions: OptionSet, Sendable {
        package let rawValue: UInt
        package init(rawValue: UInt) { self.rawValue = rawValue }

        package static let readOnly = Restrictions(rawValue: clinux_read_only)
        package static let noSetUID = Restrictions(rawValue: clinux_no_set_uid)
        package static let noDevices = Restrictions(rawValue: clinux_no_devices)
        package static let noPrograms = Restrictions(rawValue: clinux_no_programs)
    }

    /// Shows a file or directory, with all that is mounted below it, in a second place.
    package static func bind(_ source: String, at target: String) throws(SystemCallError) {
        _ = try systemCall("mount", on: target) { unsafe clinux_bind_tree(source, target) }
    }

    /// Shows a file or directory that is held open in a second place.
    package static func bind(_ source: HeldFile, at target: String) throws(SystemCallError) {
        try bind("/proc/thread-self/fd/\(source.number)", at: target)
    }

    /// Mounts an empty file system in memory; `options` as mount(8) takes them.
    package static func memory(
        at target: String, _ restrictions: Restrictions = [], options: String
    ) throws(SystemCallError) {
        _ = try systemCall("mount", on: target) {
            unsafe clinux_mount_memory(target, restrictions.rawValue, options)
        }
    }

    /// Restricts what is mounted at `target`, there only.
    package static func restrict(_ target: String, to restrictions: Restrictions) throws(SystemCallError) {
        _ = try systemCall("mount", on: target) { unsafe clinux_restrict_mount(target, restrictions.rawValue) }
    }

    /// Has copies of what is above `target` leave out what is mounted there.
    package static func forbidCopies(of target: String) throws(SystemCallError) {
        _ = try systemCall("mount", on: target) { unsafe clinux_forbid_copies(target) }
    }

    /// Takes what was mounted last at `target` away.
    package static func remove(_ target: String) throws(SystemCallError) {
        _ = try systemCall("umount2", on: target) { unsafe clinux_unmount(target) }
    }

    /// Makes what is mounted at `path` the root of the namespace and of the calling thread.
    package static func becomeRoot(_ path: String) throws(SystemCallError) {
        _ = try systemCall("chdir", on: path) { unsafe chdir(path) }
        _ = try systemCall("mount", on: "/") { unsafe clinux_move_mount(".", "/") }
        _ = try systemCall("chroot", on: path) { unsafe chroot(".") }
        _ = try systemCall("chdir", on: "/") { unsafe chdir("/") }
    }
}

/// A file or directory that is held open, not to be read but to be found again whatever becomes of its path.
package final class HeldFile: Sendable {
    private let fd: OwnedFD
    /// Whether it is a directory.
    package let isDirectory: Bool

    /// Finds what `path` leads to, links followed.
    package init(_ path: String) throws(SystemCallError) {
        fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, clinux_path_only, 0) })
        var status = stat()
        isDirectory = unsafe fstat(fd.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    fileprivate var number: CInt { fd.rawValue }
}
