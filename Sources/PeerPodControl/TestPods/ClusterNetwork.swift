internal import LinuxIO
internal import PodNetwork

/// The network that pods get from `peerpodctl run -network`. It resembles the network of a cluster's CNI plugin:
///
///     node ─── bridge peerpodctl0 ─┬── peerpodctl-2 ─── eth0   /run/netns/peerpodctl-2
///              198.19.12.1/22      └── peerpodctl-3 ─── eth0   /run/netns/peerpodctl-3
///
/// All runs of a machine share it. The first run creates the bridge, and the last run removes it. Each pod's number is
/// a file that its run keeps locked until the run ends. So the next run finds the remains of a killed run, and removes
/// them.
///
/// Concurrency: code that reads or changes the directory holds the lock in it; within this process `semaphore` admits
/// one task at a time. Creating and removing a pod's namespace needs no lock, because no other pod has its number.
final class ClusterNetwork: Sendable {
    /// The paths and addresses of the network; only tests change them.
    struct Place: Sendable {
        /// Contains the lock, the network's data, and a file for each pod.
        var directory = "/run/peerpodctl"
        /// The directory in which the pods' namespaces are mounted.
        var namespaces = "/run/netns"
        var bridge = "peerpodctl0"
        /// Half of the range that RFC 2544 reserves for benchmarks, so it is not a real network.
        var pool = "198.19.0.0/16"
    }

    /// The length of the network's prefix: 1021 pods, about the limit of a bridge.
    private static let length = 22
    /// The gateway has number 1, and the last number is the broadcast address.
    private static let numbers = 2...((1 << (32 - length)) - 2)
    /// Other processes hold the lock for milliseconds at a time.
    private static let patience = Duration.seconds(30)

    private let place: Place
    private let host: NetworkNamespace
    private let loop: EpollLoop
    private let semaphore = AsyncSemaphore(1)
    /// Whether this process has removed the remains of other runs.
    private let hasCleared = Lock(false)

    init(_ place: Place = Place(), in host: NetworkNamespace, on loop: EpollLoop) {
        self.place = place
        self.host = host
        self.loop = loop
    }

    /// Takes a number with its address. The bridge exists when this returns.
    ///
    /// - Throws: ``PodFailure``, or `CancellationError`; then no number is taken.
    func takeNumber() async throws -> PodNumber {
        try await alone(to: "creating the cluster's network") { [self] in
            try number()
        }
    }

    private func number() throws -> PodNumber {
        if !hasCleared.withLock({ $0 }) { try clearLeftOvers() }
        hasCleared.withLock { $0 = true }
        try Files.makeDirectory(pods)
        let taken = Set(try Files.list(pods).compactMap(Int.init))
        let (subnet, last) = try known() ?? (choose(), Self.numbers.lowerBound - 1)
        let network = network(subnet)
        try network.make()
        guard let number = Self.next(after: last, taken) else {
            throw PodNetworkError(
                .exhausted, "The cluster's network \(subnet)",
                "all of its \(Self.numbers.count) addresses are taken", "Run fewer pods at a time.")
        }
        try DurableFile.write(Array("\(subnet) \(number)\n".utf8), to: record)
        guard let lock = try SharedFileLock.take(file(number)) else { preconditionFailure("the number was free") }
        return PodNumber(number, lock, network, subnet, path(number))
    }

    /// Numbers are used in turn, so that an address is not reused while other hosts still have its last pod in their
    /// caches.
    private static func next(after last: Int, _ taken: Set<Int>) -> Int? {
        (last + 1...last + numbers.count).lazy.map {
            numbers.lowerBound + ($0 - numbers.lowerBound) % numbers.count
        }.first { !taken.contains($0) }
    }

    /// Creates the namespace of a pod, with its interface on the bridge.
    ///
    /// - Throws: ``PodFailure``; parts that exist by then are removed with the number.
    func makeNamespace(_ number: PodNumber) async throws {
        try await attempt("creating the pod's network namespace") {
            let namespace = try NetworkNamespace.make(named: number.path)
            try namespace.mount(at: number.path)
            try number.network.plug(namespace, port: Self.port(number.value), addresses: [number.address])
        }
    }

    /// Removes a pod's namespace with its contents, and releases its number.
    ///
    /// - Throws: ``PodFailure``; ``clear()`` tries to remove the rest again.
    func giveBack(_ number: PodNumber) async throws {
        try await attempt("removing the pod's network namespace") { [self] in
            try remove(number.value, number.network)
        }
        try await alone(to: "releasing the pod's address") { [self] in
            try DurableFile.remove(file(number.value))
        }
    }

    /// Removes the remains of killed runs, and the whole network if it has no pods.
    ///
    /// - Throws: ``PodFailure``, or `CancellationError`.
    func clear() async throws {
        guard Files.exists(place.directory) else { return }
        try await alone(to: "clearing the cluster's network") { [self] in try clearLeftOvers() }
    }

    // MARK: under the lock

    private func clearLeftOvers() throws {
        let numbers = Files.exists(pods) ? try Files.list(pods).compactMap(Int.init) : []
        let network = network(known()?.subnet ?? pool)
        var living = 0
        for number in numbers {
            guard try SharedFileLock.take(file(number)) != nil else {
                living += 1
                continue
            }
            // Its run has ended, and no other process reads the number while this process holds the network's lock.
            try remove(number, network)
            try DurableFile.remove(file(number))
        }
        guard living == 0 else { return }
        try network.remove()
        try Files.removeTree(pods)
        try DurableFile.remove(record)
    }

    /// The subnet of the bridge, and the last number that was assigned; nil when there is no bridge yet.
    private func known() -> (subnet: NetPrefix, last: Int)? {
        guard let bytes = try? DurableFile.read(record, limit: 100) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let subnet = NetPrefix(String(words[0])), let last = Int(words[1]),
            subnet.length == Self.length, Self.numbers.contains(last)
        else { return nil }
        return (subnet, last)
    }

    private func choose() throws -> NetPrefix {
        try LocalNetwork.freeNetwork(in: pool, length: Self.length, seed: place.directory, host: host)
    }

    /// Runs `body` on a separate thread while no other process reads or changes the directory.
    private func alone<Result: Sendable>(
        to operation: String, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let result = try await semaphore.withPermit {
                try await attempt(operation) { [self] in try ifLocked(body) }
            }
            if let result { return result }
            guard ContinuousClock.now < deadline else {
                throw PodFailure(
                    operation: operation, message: "another peerpodctl has held \(lockFile) for \(Self.patience.text)",
                    advice: "Find the process with fuser -v \(lockFile), and wait for it or end it.")
            }
            try await loop.sleep(for: .milliseconds(5))
        }
    }

    /// Runs `body` under the lock; nil when another process has the lock.
    private func ifLocked<Result>(_ body: () throws -> Result) throws -> Result? {
        try Files.makeDirectories(place.directory)
        guard let held = try takeLock() else { return nil }
        defer {
            if !Files.exists(pods) { try? Files.removeTree(place.directory) }
            withExtendedLifetime(held) {}
        }
        return try body()
    }

    private func takeLock() throws -> SharedFileLock? {
        let outcome = Swift.Result { () throws(SystemCallError) in try SharedFileLock.take(lockFile) }
        switch outcome {
        // The last run to end may have removed the file meanwhile,
        case .success(let held): return held.flatMap { isLockFile($0) ? $0 : nil }
        // or the whole directory.
        case .failure(let error):
            guard error.isMissing else { throw error }
            return nil
        }
    }

    private func isLockFile(_ held: SharedFileLock) -> Bool {
        Files.isSame("/proc/self/fd/\(held.descriptor)", lockFile)
    }

    private func attempt<Result: Sendable>(
        _ operation: String, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        do {
            return try await Thread.offLoop(body)
        } catch {
            throw PodFailure(operation, network: error)
        }
    }

    // MARK: paths and names

    private func remove(_ number: Int, _ network: LocalNetwork) throws {
        try network.unplug(port: Self.port(number))
        try NetworkNamespace.unmount(path(number))
    }

    private func network(_ subnet: NetPrefix) -> LocalNetwork {
        LocalNetwork(bridge: place.bridge, gateway: subnet.host(1), in: host)
    }

    private var pool: NetPrefix {
        guard let pool = NetPrefix(place.pool) else { preconditionFailure("\(place.pool) is not a network") }
        return pool
    }

    private var lockFile: String { "\(place.directory)/lock" }
    private var record: String { "\(place.directory)/network" }
    private var pods: String { "\(place.directory)/pods" }
    private func file(_ number: Int) -> String { "\(pods)/\(number)" }
    private func path(_ number: Int) -> String { "\(place.namespaces)/\(Self.port(number))" }
    /// The name of the port, and of the namespace: at most 15 bytes.
    private static func port(_ number: Int) -> String { "peerpodctl-\(number)" }
}

/// A pod's place in the cluster's network, until its run releases it.
final class PodNumber: Sendable {
    fileprivate let value: Int
    fileprivate let network: LocalNetwork
    private let lock: SharedFileLock
    /// The path of the pod's namespace.
    let path: String
    /// The pod's address, with the length of the network's prefix.
    let address: NetPrefix
    var gateway: NetAddress { network.gateways[0].address }

    fileprivate init(
        _ value: Int, _ lock: SharedFileLock, _ network: LocalNetwork, _ subnet: NetPrefix, _ path: String
    ) {
        self.value = value
        self.lock = lock
        self.network = network
        self.path = path
        address = subnet.host(UInt64(value))
    }
}

/// A file lock that closures can capture; a `FileLock` cannot be captured.
private final class SharedFileLock: Sendable {
    private let lock: FileLock
    var descriptor: CInt { lock.descriptor }

    private init(_ lock: consuming FileLock) { self.lock = lock }

    /// Takes the lock; nil when another process has it.
    static func take(_ path: String) throws(SystemCallError) -> SharedFileLock? {
        guard let lock = try FileLock.take(path) else { return nil }
        return SharedFileLock(lock)
    }
}

extension PodFailure {
    /// The failure for an error in an operation on a pod's network.
    init(_ operation: String, network error: any Error) {
        switch error {
        case let failure as PodFailure: self = failure
        case let error as PodNetworkError:
            self.init(operation: operation, message: error.fault, advice: error.remedy)
        default: self.init(operation: operation, message: "\(error)", advice: "")
        }
    }
}
