internal import Glibc
internal import LinuxIO
internal import MachineIsolation

/// The root directory of a container with mounts: this machine's files, with the mounts over them.
///
/// It is the image's root directory with the machine's `/dev`, `/proc` and `/sys`, or, without an image, a file system in memory
/// with bind mounts of the machine's top directories. A directory without a required
/// mount point is replaced by one in memory with the same entries, so nothing is created in the machine's own files.
struct ContainerRoot {
    /// The temporary bind mount of a directory while another replaces it.
    private static let aside = "/.fake-pod-vm"

    /// Whether entries can be created below a mount point: it is the container's own, not the machine's.
    private var mountPoints = ["/": true]

    /// The directories that an image's container shares with the machine.
    private static let shared = ["dev", "proc", "sys"]

    /// Makes `place` the calling thread's root and mounts `mounts` in it, in order. `image` is the root directory of an image.
    ///
    /// The thread must be in the container's mount namespace.
    static func build(
        _ mounts: [ContainerMount], over image: String? = nil, at place: String
    ) throws(SystemCallError) {
        var root = ContainerRoot()
        // Opened first, because a mount can hide the source of another one.
        var sources: [HeldFile?] = []
        for mount in mounts {
            switch mount.content {
            case .bind(let source): sources.append(try HeldFile(source))
            case .memory: sources.append(nil)
            }
        }
        if let image {
            try root.show(image, at: place)
            try Mounts.becomeRoot(place)
            root.mountPoints = ["/": true]
            for name in shared { root.mountPoints["/" + name] = false }
        } else {
            try Mounts.memory(at: place, options: "mode=755")
            try Mounts.forbidCopies(of: place)
            try root.fill(place, from: "/")
            try Mounts.becomeRoot(place)
            root.mountPoints = ["/": true]
            for name in try Files.list("/") where !Files.isLink("/" + name) { root.mountPoints["/" + name] = false }
        }
        for (mount, source) in zip(mounts, sources) {
            do throws(SystemCallError) { try root.make(mount, source) } catch {
                throw SystemCallError(
                    call: error.call, errno: error.errno, subject: "\(error.subject), for \(mount.destination)")
            }
        }
    }

    /// Shows an image's files and the machine's shared directories in `place`.
    private func show(_ image: String, at place: String) throws(SystemCallError) {
        try Mounts.bind(image, at: place)
        for name in Self.shared {
            let target = "\(place)/\(name)"
            // The mount would be where the link leads, outside of the image.
            if Files.isLink(target) {
                throw SystemCallError(call: "mount", errno: ELOOP, subject: "/\(name), which is a link in the image")
            }
            try Files.makeDirectory(target, mode: 0o755)
            try Mounts.bind("/" + name, at: target)
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

    /// The path of `destination` after following links; created if it does not exist.
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

    /// Whether a directory is on the container's own file system.
    private func isOwn(_ path: String) -> Bool {
        var path = path
        while true {
            if let isOwn = mountPoints[path] { return isOwn }
            path = Files.parent(of: path)
        }
    }

    /// Replaces `directory` with a directory in memory that has the same entries.
    private mutating func replace(_ directory: String) throws(SystemCallError) {
        try Files.makeDirectory(Self.aside)
        try Mounts.bind(directory, at: Self.aside)
        let mode = String(Files.permissions(directory) ?? 0o755, radix: 8)
        try Mounts.memory(at: directory, options: "mode=\(mode)")
        mountPoints[directory] = true
        try fill(directory, from: Self.aside)
        try Mounts.remove(Self.aside)
    }

    /// Creates in `directory` the entries of another directory: links as links, all others as bind mounts.
    private mutating func fill(_ directory: String, from source: String) throws(SystemCallError) {
        for name in try Files.list(source) {
            let (from, to) = (source.appending(name), directory.appending(name))
            do throws(SystemCallError) {
                if Files.isLink(from) {
                    try Files.link(Files.target(ofLink: from), at: to)
                } else if to == "/dev/ptmx" {
                    // The kernel looks for pts beside ptmx, but not beside a bind mount of ptmx.
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
                continue  // It was removed meanwhile.
            }
        }
    }

    private func makeFile(_ path: String) throws(SystemCallError) { try Files.write([], to: path, at: 0, mode: 0o644) }
}

extension String {
    /// The path of `name` in the directory at this path.
    fileprivate func appending(_ name: some StringProtocol) -> String { self == "/" ? "/\(name)" : "\(self)/\(name)" }
}
