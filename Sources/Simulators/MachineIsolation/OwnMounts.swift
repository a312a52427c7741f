internal import CLinux
internal import Glibc
package import LinuxIO

/// What the first process of a machine does before anything else (see ``ChildProcess/Options/isMachine``).
package enum OwnMounts {
    /// Makes the copy of the parent's mounts a machine's own: `/proc` shows its processes, and `/run` is `runDirectory`
    /// unless that is nil.
    ///
    /// Later mounts are not visible outside, and later mounts outside are not visible here. The working directory stays
    /// the same, also below the former `/run`.
    /// - Throws: ``SystemCallError``; without having done anything unless this is the first process of its namespace,
    ///   for otherwise the mounts would not be its own.
    package static func begin(runDirectory: String?, hostName: String) throws(SystemCallError) {
        guard getpid() == 1, getppid() == 0 else {
            throw SystemCallError(
                call: "mount", errno: EPERM, subject: "/ of process \(getpid()), which is not the first")
        }
        _ = try systemCall("mount", on: "/") { clinux_part_mounts() }
        try forgetNamespaces()
        _ = try systemCall("mount", on: "/proc") { unsafe clinux_mount_processes("/proc") }
        if let runDirectory {
            _ = try systemCall("mount", on: "/run") { unsafe clinux_bind(runDirectory, "/run") }
        }
        _ = try systemCall("sethostname", on: hostName) {
            unsafe clinux_set_host_name(hostName, UInt(hostName.utf8.count))
        }
    }

    /// Tries what ``begin(runDirectory:hostName:)`` takes, on a thread that is then gone with all of it.
    ///
    /// - Throws: ``SystemCallError`` when this process may not: a container's rules may forbid what its capabilities
    /// allow.
    package static func check() throws(SystemCallError) {
        try Thread.run { () -> Swift.Result<Void, SystemCallError> in
            do throws(SystemCallError) {
                _ = try systemCall("unshare", on: "this process") { clinux_new_machine() }
                _ = try systemCall("mount", on: "/") { clinux_part_mounts() }
                _ = try systemCall("mount", on: "/proc") { unsafe clinux_mount_processes("/proc") }
                _ = try systemCall("mount", on: "/run") { unsafe clinux_bind("/run", "/run") }
                return .success(())
            } catch {
                return .failure(error)
            }
        }.get()
    }

    /// Unmounts the parent's namespaces: they would live for as long as this machine.
    private static func forgetNamespaces() throws(SystemCallError) {
        let table: [UInt8]
        do throws(FileError) {
            table = try DurableFile.read("/proc/thread-self/mountinfo", limit: 64 << 20)
        } catch {
            throw SystemCallError(call: "read", errno: EIO, subject: "\(error)")
        }
        for path in namespaceMounts(in: String(decoding: table, as: UTF8.self)) {
            _ = unsafe clinux_unmount(path)  // What is hidden below another mount cannot be, and does no harm.
        }
    }

    /// Where /proc/<pid>/mountinfo says that namespaces are mounted, the last first.
    static func namespaceMounts(in table: String) -> [String] {
        table.split(separator: "\n").reversed().compactMap { line in
            // number parent device root PLACE options… - KIND source options
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash > 4, dash + 1 < fields.count, fields[dash + 1] == "nsfs"
            else { return nil }
            return unescaped(fields[4])
        }
    }

    /// A path as the kernel writes it: a space, for instance, is a backslash and three octal digits.
    private static func unescaped(_ path: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(path.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
