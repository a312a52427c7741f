internal import Glibc
package import KataProtocol
internal import LinuxIO
internal import TTRPC

/// A container as kata's Go shim asks for it where node and guest share no file system.
///
/// Files of the node are copied before the container is made: for each mount one CopyFile call a file, directory or link,
/// in the order of Go's WalkDir, with what lstat(2) says of it. Volumes that live in the guest come as storages.
package struct ShimContainer: Sendable {
    package let id: String
    package let sandbox: String
    /// The image, which the guest pulls.
    package var image = "registry.test/image:1"
    /// The calls before CreateContainer, in their order.
    package private(set) var copies: [CopyFileRequest] = []
    package private(set) var mounts: [OCIMount]
    package private(set) var storages: [Storage] = []
    private var sharedCount: UInt64 = 0

    /// The most bytes of a file in one call.
    private static let pieceLength = 1 << 20
    /// `os.ModeDir | 0750`, with Go's bit for directories.
    private static let directoryMode: UInt32 = 0x8000_0000 | 0o750
    private static let shared = "/run/kata-containers/shared/containers"

    /// A container with the mounts that containerd gives to each.
    package init(_ id: String, of sandbox: String) {
        self.id = id
        self.sandbox = sandbox
        mounts = [
            .mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
            .mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            .mount(
                "/dev/pts", "devpts", "devpts",
                ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            .mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
            .mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
            .mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
            .mount("/dev/shm", "bind", "/run/kata-containers/sandbox/shm", ["rbind"]),
        ]
    }

    /// What CreateSandbox mounts.
    package static let sandboxStorages: [Storage] = [
        .with {
            ($0.driver, $0.source, $0.filesystem) = ("ephemeral", "shm", "tmpfs")
            $0.options = ["noexec", "nosuid", "nodev", "mode=1777", "size=67108864"]
            $0.mountPoint = "/run/kata-containers/sandbox/shm"
        }
    ]

    /// Mounts a file or directory of the node.
    package mutating func mount(_ source: String, at destination: String, readOnly: Bool = false) throws {
        sharedCount += 1
        let digits = String(sharedCount, radix: 16)
        let number = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        let name = destination.split(separator: "/").last ?? ""
        let guest = "\(Self.shared)/\(id)-\(number)-\(name)"
        copies += try Self.copies(of: source, to: guest)
        mounts.append(.mount(destination, "bind", guest, ["rbind", "rprivate", readOnly ? "ro" : "rw"]))
    }

    /// Mounts an `emptyDir`, in memory or not; `group` is the pod's fsGroup.
    package mutating func mount(emptyDir name: String, at destination: String, inMemory: Bool, group: UInt32? = nil) {
        let source =
            inMemory
            ? "/run/kata-containers/sandbox/ephemeral/\(name)" : "\(Self.shared)/\(sandbox)/rootfs/local/\(name)"
        storages.append(
            .with {
                if inMemory {
                    ($0.driver, $0.source, $0.filesystem) = ("ephemeral", "tmpfs", "tmpfs")
                } else {
                    ($0.driver, $0.source, $0.filesystem, $0.options) = ("local", "local", "local", ["mode=0777"])
                }
                if let group { $0.options.append("fsgid=\(group)") }
                $0.mountPoint = source
            })
        // The shim leaves the type of a directory in the guest as it found it.
        mounts.append(.mount(destination, inMemory ? "bind" : "local", source, ["rbind", "rprivate", "rw"]))
    }

    /// The call that makes it.
    package func request(running arguments: [String], terminal: Bool = false) -> CreateContainerRequest {
        .with {
            ($0.containerID, $0.execID) = (id, id)
            $0.storages =
                [
                    .with {
                        $0.driver = "image_guest_pull"
                        $0.driverOptions = ["image_guest_pull={\"metadata\":{}}"]
                        ($0.source, $0.filesystem) = (image, "overlay")
                        $0.mountPoint = "/run/kata-containers/\(id)/rootfs"
                    }
                ] + storages
            $0.oci = .with { spec in
                spec.version = "1.2.0"
                spec.process = .with {
                    $0.arguments = arguments
                    $0.environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
                    $0.workingDirectory = "/"
                    $0.terminal = terminal
                }
                spec.root = .with { $0.path = "/run/kata-containers/\(id)/rootfs" }
                spec.mounts = mounts
                spec.annotations = [
                    "io.kubernetes.cri.container-type": id == sandbox ? "sandbox" : "container",
                    "io.kubernetes.cri.sandbox-id": sandbox,
                ]
                spec.linux = .with { linux in
                    linux.namespaces = ["ipc", "uts", "mount"].map { type in .with { $0.type = type } }
                }
            }
        }
    }

    /// The calls that copy a file or tree of the node.
    package static func copies(of source: String, to guest: String) throws -> [CopyFileRequest] {
        var status = stat()
        guard unsafe lstat(source, &status) == 0 else {
            throw SystemCallError(call: "lstat", errno: errno, subject: source)
        }
        let request = CopyFileRequest.with {
            ($0.path, $0.fileMode, $0.directoryMode) = (guest, status.st_mode, directoryMode)
            ($0.uid, $0.gid) = (Int32(bitPattern: status.st_uid), Int32(bitPattern: status.st_gid))
        }
        switch status.st_mode & S_IFMT {
        case S_IFLNK:
            let target = try Files.target(ofLink: source)
            var link = request
            link.data = Array(target.utf8)
            return [link]
        case S_IFDIR:
            return try [request]
                + Files.list(source).flatMap { try copies(of: "\(source)/\($0)", to: "\(guest)/\($0)") }
        default:
            let content = try DurableFile.read(source, limit: 64 << 20)
            let starts = content.isEmpty ? [0] : Array(stride(from: 0, to: content.count, by: pieceLength))
            return starts.map { start in
                var piece = request
                (piece.fileSize, piece.offset) = (Int64(content.count), Int64(start))
                piece.data = Array(content[start..<min(start + pieceLength, content.count)])
                return piece
            }
        }
    }
}

extension OCIMount {
    fileprivate static func mount(
        _ destination: String, _ type: String, _ source: String, _ options: [String]
    ) -> OCIMount {
        .with { ($0.destination, $0.type, $0.source, $0.options) = (destination, type, source, options) }
    }
}
