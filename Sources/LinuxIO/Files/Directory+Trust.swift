internal import Glibc

extension Directory {
    /// Opens a directory that only this user can write. A missing directory is made with `mode`, durably. Without
    /// `mode` the directory must exist.
    ///
    /// No other user may be able to replace the directory, or to have put a file in it. So the directory must belong to
    /// this user, and all its parents to this user or to root. Other users may not write any of them, except a parent
    /// with the sticky bit, such as /tmp. A link in the path must belong to this user or to root.
    ///
    /// - Throws: ``FileError``, which names the action to take.
    public static func own(_ path: String, makingWith mode: UInt32? = nil) throws(FileError) -> Directory {
        let directory = try trusted(path, makingWith: mode)
        try directory.checkIsOwn()
        return directory
    }

    /// Opens a directory in which no other user can replace or remove the files of this user; see
    /// ``own(_:makingWith:)``.
    ///
    /// The directory may have the sticky bit. Then every user can create new entries in it.
    public static func trusted(_ path: String, makingWith mode: UInt32? = nil) throws(FileError) -> Directory {
        try FileError.wrapping { try walk(path, mode) }
    }

    /// Opens a directory that only this user can write. The last name of the path must be a directory: a link is
    /// refused, also a link of this user.
    public static func ownEntry(_ path: String) throws(FileError) -> Directory {
        try trusted(Files.parent(of: path)).own(Files.name(of: path))
    }

    /// Opens a directory in this one. Only this user may be able to write it.
    public func own(_ name: String) throws(FileError) -> Directory {
        let directory: Directory
        do throws(SystemCallError) {
            directory = try openDirectory(name)
        } catch {
            // If the name is a link, the kernel returns ENOTDIR.
            guard error.errno == ENOTDIR, (try? kind(of: name)) == .link else { throw .refused(error) }
            throw .untrusted(
                path: path(of: name),
                reason: "is a symbolic link instead of a directory: remove it")
        }
        try directory.checkIsOwn()
        return directory
    }

    /// The maximum number of links that may follow each other.
    private static var linkLimit: Int { 40 }

    private static func walk(_ path: String, _ mode: UInt32?) throws -> Directory {
        var steps = try Array(components(absolute(path)).reversed())
        let root = try at("/")
        try root.checkIsTrusted()
        var way = [root]
        var links = 0
        while let name = steps.popLast() {
            guard let here = way.last else { break }
            if name == ".." {
                if way.count > 1 { way.removeLast() }
                continue
            }
            if let target = try here.trustedLink(name) {
                links += 1
                guard links <= linkLimit else { throw SystemCallError(call: "open", errno: ELOOP, subject: path) }
                if target.hasPrefix("/") { way = [root] }
                steps += components(target).reversed()
                continue
            }
            if let mode, try here.kind(of: name) == nil, try here.makeDirectory(name, mode: mode) { try here.sync() }
            let next = try here.openDirectory(name)
            try next.checkIsTrusted()
            way.append(next)
        }
        guard let last = way.last else { preconditionFailure("the root is never left") }
        return last
    }

    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }
    }

    private static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let current = unsafe getcwd(nil, 0) else {
            throw SystemCallError(call: "getcwd", errno: errno, subject: path)
        }
        defer { unsafe free(current) }
        return unsafe "\(String(cString: current))/\(path)"
    }

    /// The target of a link; nil if the name is not a link.
    private func trustedLink(_ name: String) throws -> String? {
        guard let status = try status(of: name), status.st_mode & S_IFMT == S_IFLNK else { return nil }
        let path = path(of: name)
        guard Self.isTrusted(status.st_uid) else {
            throw FileError.untrusted(
                path: path,
                reason: "is a symbolic link of user \(status.st_uid), who can redirect the path: choose another "
                    + "directory")
        }
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try systemCall("readlinkat", on: path) {
            unsafe target.withUnsafeMutableBytes { buffer in
                let text = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
                return unsafe text.map { unsafe readlinkat(fd.rawValue, name, $0, buffer.count) } ?? -1
            }
        }
        return String(decoding: target[..<count], as: UTF8.self)
    }

    private static func isTrusted(_ owner: uid_t) -> Bool { owner == 0 || owner == geteuid() }

    private func checkIsTrusted() throws(FileError) {
        guard let status else { return }
        guard Self.isTrusted(status.st_uid) else {
            throw untrusted(
                "belongs to user \(status.st_uid), who could replace what is in it: choose a directory that belongs, with "
                    + "all above it, to \(Self.user)")
        }
        if status.st_mode & S_ISVTX == 0 { try checkMode(status) }
    }

    private func checkIsOwn() throws(FileError) {
        guard let status else { return }
        guard status.st_uid == geteuid() else {
            throw untrusted(
                "belongs to user \(status.st_uid) and not to \(Self.user): choose another directory, or remove this one"
            )
        }
        try checkMode(status)
    }

    private func checkMode(_ status: stat) throws(FileError) {
        guard status.st_mode & (S_IWGRP | S_IWOTH) != 0 else { return }
        throw untrusted(
            "can be written by other users (mode \(String(status.st_mode & 0o7777, radix: 8))): look at what is in it, take "
                + "the permission away (chmod go-w), or choose another directory")
    }

    private static var user: String { geteuid() == 0 ? "root" : "user \(geteuid())" }

    private func untrusted(_ reason: String) -> FileError { .untrusted(path: path, reason: reason) }
}
