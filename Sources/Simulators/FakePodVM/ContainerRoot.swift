internal import LinuxIO

/// The root directory that a container with mounts has: this machine's files, with the mounts in their places.
///
/// It is a file system in memory into which each of the machine's top directories is bound. A directory that lacks a
/// place to mount on is replaced by one in memory with the same entries: nothing is made in the machine's own files.
struct ContainerRoot {
    /// Where a directory is bound from while another takes its place.
    private static let aside = "/.fake-pod-vm"

    /// Whether a mount point is the container's own, so that names may be made below it; else it is the machine's.
    private var mountPoints = ["/": true]

    /// Makes `place` the calling thread's root and mounts `mounts` in it, in their order.
    ///
    /// The thread must be in a mount namespace of the container's.
    static func build(_ mounts: [ContainerMount], at place: String) throws(SystemCallError) {
        var root = ContainerRoot()
        // Opened first: a mount may hide another's source.
        var sources: [HeldFile?] = []
        for mount in mounts {
            switch mount.content {
            case .bind(let source): sources.append(try HeldFile(source))
            case .memory: sources.append(nil)
            }
        }
        try Mounts.memory(at: place, options: "mode=755")
        try Mounts.forbidCopies(of: place)
        try root.fill(place, from: "/")
        try Mounts.becomeRoot(place)
        root.mountPoints = ["/": true]
        for name in try Files.list("/") where !Files.isLink("/" + name) { root.mountPoints["/" + name] = false }
        for (mount, source) in zip(mounts, sources) {
            do throws(SystemCallError) { try root.make(mount, source) } catch {
                throw SystemCallError(
                    call: error.call, errno: error.errno, subject: "\(error.subject), for \(mount.destination)")
            }
        }
    }

    private mutating func make(_ mount: ContainerMount, _ source: HeldFile?) throws(SystemCallError) {
        let place = try self.place(mount.destination, isDirectory: source?.isDirectory ?? true)
        switch mount.content {
        case .bind:
            guard let source else { return }
            try Mounts.bind(source, at: place)
            if !mount.restrictions.isEmpty { try Mounts.restrict(place, to: mount.restrictions) }
        case .memory(let options): try Mounts.memory(at: place, mount.restrictions, options: options)
        }
        mountPoints[place] = true
    }

    /// Where `destination` is, links followed; made if it is missing.
    private mutating func place(_ destination: String, isDirectory: Bool) throws(SystemCallError) -> String {
        var place = "/"
        var missing = destination.split(separator: "/").filter { $0 != "." }[...]
        while let next = missing.first.map({ place.appending($0) }), Files.exists(next) || Files.isLink(next) {
            place = try Files.resolve(next)
            missing = missing.dropFirst()
        }
        guard let last = missing.last else { return place }
        if !isOwn(place) { try replace(place) }
        for name in missing.dropLast() {
            place = place.appending(name)
            try Files.makeDirectory(place, mode: 0o755)
        }
        place = place.appending(last)
        if isDirectory { try Files.makeDirectory(place, mode: 0o755) } else { try makeFile(place) }
        return place
    }

    /// Whether the file system that a directory is on is the container's own.
    private func isOwn(_ path: String) -> Bool {
        var path = path
        while true {
            if let isOwn = mountPoints[path] { return isOwn }
            path = Files.parent(of: path)
        }
    }

    /// Puts a directory in memory in the place of `directory`, with the same entries.
    private mutating func replace(_ directory: String) throws(SystemCallError) {
        try Files.makeDirectory(Self.aside)
        try Mounts.bind(directory, at: Self.aside)
        let mode = String(Files.permissions(directory) ?? 0o755, radix: 8)
        try Mounts.memory(at: directory, options: "mode=\(mode)")
        mountPoints[directory] = true
        try fill(directory, from: Self.aside)
        try Mounts.remove(Self.aside)
    }

    /// Gives `directory` the entries of another: links as they are, all else bound.
    private mutating func fill(_ directory: String, from source: String) throws(SystemCallError) {
        for name in try Files.list(source) {
            let (from, to) = (source.appending(name), directory.appending(name))
            do throws(SystemCallError) {
                if Files.isLink(from) {
                    try Files.link(Files.target(ofLink: from), at: to)
                } else if to == "/dev/ptmx" {
                    // The kernel looks for pts beside it, and would not beside a bound one.
                    try Files.link("pts/ptmx", at: to)
                } else if Files.isDirectory(from) {
                    try Files.makeDirectory(to, mode: 0o755)
                    try Mounts.bind(from, at: to)
                    if mountPoints[to] == nil { mountPoints[to] = false }
                } else {
                    try makeFile(to)
                    try Mounts.bind(from, at: to)
                }
            } catch  where error.isMissing {
                continue  // It went away meanwhile.
            }
        }
    }

    private func makeFile(_ path: String) throws(SystemCallError) { try Files.write([], to: path, at: 0, mode: 0o644) }
}

extension String {
    /// The path of `name` in the directory of this path.
    fileprivate func appending(_ name: some StringProtocol) -> String { self == "/" ? "/\(name)" : "\(self)/\(name)" }
}
