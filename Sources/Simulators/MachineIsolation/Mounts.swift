internal import CLinux
internal import Glibc
package import LinuxIO

/// Mounts of the calling thread's mount namespace, which should be one of its own (see ``MountNamespace``).
package enum Mounts {
    /// What a mount forbids those who use it.
    package struct Restrictions: OptionSet, Sendable {
        /// The flags in the kernel's form.
        package let rawValue: UInt
        /// Restrictions from flags in the kernel's form.
        package init(rawValue: UInt) { self.rawValue = rawValue }

        /// No writes.
        package static let readOnly = Restrictions(rawValue: clinux_read_only)
        /// Programs do not get the rights of their file's owner.
        package static let noSetUID = Restrictions(rawValue: clinux_no_set_uid)
        /// Device files cannot be opened.
        package static let noDevices = Restrictions(rawValue: clinux_no_devices)
        /// Programs cannot be executed.
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
