internal import KataProtocol
internal import LinuxIO
internal import MachineIsolation
internal import TTRPC
internal import Telemetry

/// The files of a pod's containers: volumes in the guest, and mounts.
/// Volumes in memory are mounted in a mount namespace of the sandbox; each container's namespace is a copy of it.
/// Nothing is mounted on the machine itself, and nothing has to be unmounted. Without the right to mount, volumes are
/// directories, and a warning names the mounts that a container lacks.
final class AgentSandboxFiles: Sendable {
    private struct State {
        var namespace: MountNamespace?
        /// Why there is no namespace; it is then not tried again.
        var refusal: SystemCallError?
        /// The mount points of volumes, which containers share and which outlive a container.
        var volumes: Set<String> = []
    }

    private let tree: GuestRunDirectory
    private let logger: Logger
    private let state = Lock(State())

    init(in tree: GuestRunDirectory, logger: Logger) {
        self.tree = tree
        self.logger = logger
    }

    /// Creates volumes that do not exist; other storages are ignored. Those of images belong to ``ImageStore``.
    func add(_ storages: [Storage]) throws(Status) {
        for storage in storages {
            guard let kind = Volume.Kind(storage) else {
                logger.debug("the storage \(storage.driver) at \(storage.mountPoint) is ignored")
                continue
            }
            guard let names = try GuestRunDirectory.names(of: storage.mountPoint), names.count > 1 else {
                throw Status(
                    .invalidArgument, "the volume at \(storage.mountPoint) is not below \(GuestRunDirectory.guestPath)")
            }
            let volume = try Volume(kind, storage.options, names)
            guard state.withLock({ $0.volumes.insert(storage.mountPoint).inserted }) else { continue }
            do throws(SystemCallError) { try make(volume) } catch {
                state.withLock { _ = $0.volumes.remove(storage.mountPoint) }
                throw Status(.internal, "the volume at \(storage.mountPoint) cannot be made: \(error)")
            }
        }
    }

    /// The mounts of a container's specification, with their sources on this machine.
    func mounts(of mounts: [OCIMount]) throws(Status) -> [ContainerMount] {
        var wanted: [ContainerMount] = []
        for mount in mounts { if let mount = try ContainerMount(mount, in: tree) { wanted.append(mount) } }
        return wanted
    }

    /// The mount namespace in which a container's runtime runs: it has the volumes of the sandbox. Nil without the right to
    /// make one.
    func makeRuntimeMounts(of container: String) throws(Status) -> MountNamespace? {
        let groups = "/sys/fs/cgroup"
        do throws(SystemCallError) {
            guard let sandbox = try namespace() else { return nil }
            return try MountNamespace.make(named: "the runtime of container \(container)", from: sandbox) {
                () throws(SystemCallError) in
                // crun refuses to start where both versions of control groups are mounted, also when it uses none.
                if Files.isDirectory(groups) { try Mounts.memory(at: groups, options: "mode=755") }
            }
        } catch {
            throw Status(.internal, "the mounts of container \(container): \(error)")
        }
    }

    /// Creates a mount namespace with the mounts of a container's specification, over the files of an image, which become
    /// its root directory, or over those of this machine; nil if nothing differs from them, or without the right to.
    func makeMounts(
        _ mounts: [OCIMount], of container: String, over image: String?
    ) throws(Status) -> MountNamespace? {
        let wanted = try self.mounts(of: mounts)
        if wanted.isEmpty, image == nil { return nil }
        do throws(SystemCallError) {
            guard let sandbox = try namespace() else {
                warn(of: wanted, container)
                if image != nil {
                    logger.warning("container \(container) runs in this machine's files: only root can use its image's")
                }
                return nil
            }
            // The mount is visible only in the container's namespace, so all containers can use the same directory.
            let place = "\(tree.directory)/root"
            try Files.makeDirectories(place, mode: 0o755)
            return try MountNamespace.make(named: "container \(container)", from: sandbox) {
                () throws(SystemCallError) in try ContainerRoot.build(wanted, over: image, at: place)
            }
        } catch {
            throw Status(.internal, "the mounts of container \(container): \(error)")
        }
    }

    /// The capacity of the volume at a path of the shim.
    func space(at path: String) throws -> Files.Space {
        let local = try tree.path(of: path)
        let namespace = state.withLock { $0.namespace }
        guard let space = try ProcessNamespaces(mounts: namespace).look({ Files.space(at: local) }) else {
            throw Status(.notFound, "there is no volume at \(path)")
        }
        return space
    }

    /// Removes the sandbox's volumes; those in memory end with its last process.
    func forget() { state.withLock { $0 = State(refusal: $0.refusal) } }

    private func make(_ volume: Volume) throws(SystemCallError) {
        let place = try tree.open(volume.names).path
        guard volume.kind == .memory, let namespace = try namespace() else { return try volume.prepare(place) }
        try namespace.run { () -> Result<Void, SystemCallError> in
            Result { () throws(SystemCallError) in
                try Mounts.memory(at: place, volume.options.restrictions, options: volume.options.rest)
                try volume.prepare(place)
            }
        }.get()
    }

    /// The sandbox's mount namespace, created at its first use; nil without the right to.
    private func namespace() throws(SystemCallError) -> MountNamespace? {
        try state.withLock { state throws(SystemCallError) in
            if state.namespace == nil, state.refusal == nil {
                do throws(SystemCallError) {
                    state.namespace = try MountNamespace.make(named: "the sandbox's mounts")
                } catch  where error.isForbidden {
                    state.refusal = error
                    logger.warning("containers get no mounts, which only root can make", [LogField("error", error)])
                }
            }
            return state.namespace
        }
    }

    private func warn(of mounts: [ContainerMount], _ container: String) {
        let list = mounts.map { mount in
            switch mount.content {
            case .bind(let source): "\(mount.destination) (in \(source))"
            case .memory: mount.destination
            }
        }
        logger.warning("container \(container) does not see its mounts: \(list.joined(separator: ", "))")
    }
}
