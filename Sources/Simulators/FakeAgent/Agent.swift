internal import KataProtocol
internal import LinuxIO
internal import TTRPC
internal import Telemetry

/// The state and the work of the stand-in for kata's agent, independent of the protocol.
///
/// Concurrency: calls share `state`, under its lock. ``run()`` reaps processes, so it must run while calls are served.
final class Agent: Sendable {
    private struct State {
        var containers: [String: Container] = [:]
        /// The ids of containers whose image is being pulled.
        var creating: Set<String> = []
        /// The number of containers until now.
        var created = 0
        /// The ids of processes for which a task waits.
        var awaited: Set<Int32> = []
        var sandbox: String?
    }

    /// The volumes and mounts of the pod.
    let files: AgentSandboxFiles
    let loop: EpollLoop
    let logger: Logger
    private let pauseProgram: String
    /// Pulls images; nil: containers run in this machine's files.
    private let images: ImageStore?
    private let helpers: HelperProcesses
    private let state = Lock(State())
    private let pool = TaskPool()

    /// An agent whose `/run/kata-containers` is `tree`; `pauseProgram` is a `fake-pod-vm`. With `images` it pulls the images
    /// of containers.
    init(
        tree: GuestRunDirectory, pauseProgram: String = SystemInfo.executablePath,
        images: (tools: ImageTools, options: ImageStore.Options)? = nil, on loop: EpollLoop, logger: Logger
    ) {
        let helpers = HelperProcesses(on: loop)
        files = AgentSandboxFiles(in: tree, logger: logger)
        self.helpers = helpers
        self.images = images.map { ImageStore($0.tools, $0.options, in: tree, helpers, logger: logger) }
        self.pauseProgram = pauseProgram
        self.loop = loop
        self.logger = logger
    }

    /// Waits for the processes of containers until cancelled; then kills those that are left.
    func run() async {
        await pool.run()
        for container in state.withLock({ Array($0.containers.values) }) {
            await container.end(on: loop)
            await container.place.runtime?.remove(by: helpers)
        }
    }

    /// The number of containers.
    var containerCount: Int { state.withLock { $0.containers.count } }

    /// Creates a pod with these volumes.
    func createSandbox(_ id: String, _ storages: [Storage]) throws(Status) {
        try files.add(storages)
        state.withLock { $0.sandbox = id }
        logger.info("sandbox \(id) begins; its containers run here without any isolation")
    }

    /// Removes the pod and all its containers.
    func destroySandbox() async {
        let containers = state.withLock { state in
            state.sandbox = nil
            return Array(state.containers.keys)
        }
        for id in containers { try? await removeContainer(id) }
        files.forget()
        logger.info("the sandbox is removed")
    }

    /// Creates a container; ``startContainer(_:)`` starts its process. With `entersNetwork` the process runs in the
    /// network namespace that the request names, if it names one.
    func createContainer(_ request: CreateContainerRequest, entersNetwork: Bool) async throws {
        let id = request.containerID
        if id.isEmpty { throw Status(.invalidArgument, "the container id is empty") }
        guard let spec = request.oci, let process = spec.process else {
            throw Status(.invalidArgument, "the container has no OCI process")
        }
        let number = state.withLock { state -> Int? in
            guard state.containers[id] == nil, state.creating.insert(id).inserted else { return nil }
            state.created += 1
            return state.created
        }
        guard let number else { throw Status(.alreadyExists, "Container \(id) exists") }
        defer { state.withLock { _ = $0.creating.remove(id) } }
        let image = try await images?.unpack(request)
        do {
            let container = try container(spec, process, request, image, number, entersNetwork: entersNetwork)
            state.withLock { $0.containers[id] = container }
            logger.info(
                "container \(id) is created: \(container.place), no cgroup, \(image.map { "image \($0.reference)" } ?? "no image")"
            )
        } catch {
            if let image { images?.remove(image) }
            throw error
        }
    }

    private func container(
        _ spec: OCISpec, _ process: OCIProcess, _ request: CreateContainerRequest, _ image: UnpackedImage?,
        _ number: Int,
        entersNetwork: Bool
    ) throws -> Container {
        let id = request.containerID
        var place = ProcessNamespaces()
        // An empty path would mean a new namespace, which no container of a pod has.
        if entersNetwork {
            place.network = spec.linux?.namespaces.last { $0.type == "network" && !$0.path.isEmpty }?.path
        }
        try files.add(request.storages)
        var plan = plan(for: process, of: id)
        if let image { plan = image.completing(plan) }
        if let image, let crun = images?.tools.crun, let mounts = try files.makeRuntimeMounts(of: id) {
            place.mounts = mounts
            place.runtime = try RuntimeContainer(
                crun, image, spec, plan, mounts: try files.mounts(of: spec.mounts), number: number)
        } else {
            place.mounts = try files.makeMounts(spec.mounts, of: id, over: image?.root)
        }
        return Container(id: id, plan: plan, place: place, image: image)
    }

    /// The program of a container's first process. The sandbox container's own program only sleeps, and exists only
    /// in an image; `fake-pod-vm pause` replaces it.
    private func plan(for process: OCIProcess, of container: String) -> ProcessPlan {
        var plan = ProcessPlan(process)
        guard plan.arguments.first == PauseCommand.path, container == state.withLock({ $0.sandbox }),
            !Files.isExecutable(PauseCommand.path)
        else { return plan }
        logger.info("this machine has no \(PauseCommand.path): fake-pod-vm pause replaces it")
        plan.arguments = [pauseProgram, PauseCommand.word]
        return plan
    }

    /// Starts a container's first process; when that process ends, all others of the container are killed.
    func startContainer(_ id: String) throws(Status) {
        let container = try self.container(id)
        try start(container.first) { [loop] in await container.end(on: loop) }
    }

    /// Starts a further process in a container.
    func execProcess(_ id: String, in containerID: String, _ plan: ProcessPlan) throws(Status) {
        let container = try self.container(containerID)
        guard container.first.isRunning else {
            throw Status(.failedPrecondition, "container \(containerID) is not running")
        }
        try start(container.add(id, plan)) {}
    }

    /// Finds a container.
    ///
    /// - Throws: the real agent's status for an unknown id.
    func container(_ id: String) throws(Status) -> Container {
        guard let container = state.withLock({ $0.containers[id] }) else {
            throw Status(.notFound, "Invalid container id")
        }
        return container
    }

    /// Kills the processes of a container and removes it.
    func removeContainer(_ id: String) async throws {
        let container = try self.container(id)
        await container.end(on: loop)
        for process in container.all where process.pid != nil { _ = try? await process.wait() }
        for process in container.all { process.close() }
        await container.place.runtime?.remove(by: helpers)
        if let image = container.image { images?.remove(image) }
        state.withLock { $0.containers[id] = nil }
        logger.info("container \(id) is removed")
    }

    /// Reaps processes whose parents have ended and that are now children of this process.
    func reapOrphans() { ProcessTree.reapOrphans(except: state.withLock { $0.awaited }.union(helpers.awaited)) }

    private func start(
        _ process: AgentProcess, atEnd clearUp: @escaping @Sendable () async -> Void
    ) throws(Status) {
        try process.start(on: loop)
        guard let pid = process.pid else { return }
        state.withLock { _ = $0.awaited.insert(pid) }
        logger.info("process \(process.id) runs", [LogField("pid", "\(pid)")])
        pool.start { [self] in
            await process.reap(then: clearUp)
            state.withLock { _ = $0.awaited.remove(pid) }
        }
    }
}
