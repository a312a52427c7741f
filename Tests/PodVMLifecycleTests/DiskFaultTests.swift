#if DEBUG
    import Doubles
    import Glibc
    import LinuxIO
    import Telemetry
    import TestSupport
    import Testing

    @testable import PodVMLifecycle

    @Suite("A disk that refuses a change of the pods directory")
    struct DiskFaultTests {
        /// What the disk does, and whether the adaptor is restarted after it.
        struct Fault: Sendable, CustomStringConvertible {
            let errno: CInt
            let persists: Bool
            let restarts: Bool

            var description: String { "errno \(errno), persists: \(persists), restart: \(restarts)" }

            static let all = [ENOSPC, EROFS, EIO].flatMap { errno in
                [false, true].map { Fault(errno: errno, persists: $0, restarts: $0 == (errno == EROFS)) }
            }
        }

        /// A supervisor on a real disk, with a clock that a test moves.
        private struct DiskNode: Sendable {
            let clock = ManualClock()
            let cloud: ScriptedCloud
            let supervisor: SandboxSupervisor

            init(_ path: String, _ cloud: ScriptedCloud) {
                self.cloud = cloud
                supervisor = SandboxSupervisor(
                    store: PodsDirectory(path: path), provider: cloud, connector: ScriptedConnector(),
                    namespaces: ScriptedNamespaces(), observer: NoObserver(), clock: clock, logger: .silent,
                    metrics: Metrics(), options: .init(node: "node-1", cluster: "test"))
            }

            func run(_ body: @escaping @Sendable (SandboxSupervisor) async throws -> Void) async throws {
                try await supervisor.load()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await supervisor.run() }
                    defer { group.cancelAll() }
                    try await body(supervisor)
                }
            }

            /// Returns once no sandbox is left, which may need some more tries.
            func settle() async throws {
                // The disk's thread pool works meanwhile. To ask without a pause would take its processor time.
                for _ in 0..<20_000 where !supervisor.table.withLock({ $0.entries.isEmpty }) {
                    clock.advance(by: .seconds(300))
                    try await Task.sleep(for: .milliseconds(1))
                }
                try #require(supervisor.sandboxes().isEmpty, "\(supervisor.sandboxes())")
            }
        }

        @Test(
            "ends each pod's life without a VM and without a directory, whichever change it was", arguments: Fault.all)
        func wholeLife(fault: Fault) async throws {
            var refused: Set<String> = []
            for number in 1...200 {
                let directory = try TemporaryDirectory()
                let path = directory.path + "/pods"
                try Files.makeDirectory(path)
                let cloud = ScriptedCloud()
                let hits = try await live(fault, number, path, cloud)
                #expect(cloud.machines.isEmpty, "change \(number), \(hits)")
                #expect(try Files.list(path).isEmpty, "change \(number), \(hits)")
                refused.formUnion(hits.map { String($0.prefix { $0 != " " }) })
                if hits.isEmpty { break }
                #expect(number < 200)
            }
            #expect(refused.isSuperset(of: ["mkdirat", "write", "renameat", "fsync", "unlinkat"]), "\(refused)")
        }

        /// One pod's life with the fault at the change of that number. Returns the refused changes.
        private func live(
            _ fault: Fault, _ number: Int, _ path: String, _ cloud: ScriptedCloud
        ) async throws -> [String] {
            let disk = DiskFault(fault.errno, at: number, persists: fault.persists, below: path)
            defer { disk.end() }
            let node = DiskNode(path, cloud)
            try await node.run { supervisor in
                for error in try await playShim(supervisor, cloud, path) {
                    #expect(error.code == .resourceExhausted || fault.errno != ENOSPC, "\(number): \(error)")
                    #expect(error.message.contains("errno \(fault.errno)"), "\(number): \(error.message)")
                }
                // The removal goes on in the background.
                for _ in 0..<5000 where disk.hits.isEmpty && !supervisor.sandboxes().isEmpty {
                    try await Task.sleep(for: .milliseconds(1))
                }
                disk.end()
                if fault.restarts { return }
                // Kata's Go shim calls StopVM again after a failure.
                try await supervisor.stop("a")
                try await node.settle()
                #expect(cloud.machines.isEmpty && !Files.exists("\(path)/a/record.json"), "\(number): \(disk.hits)")
            }
            // A directory that could not be removed after a failed creation is empty: the next process removes it.
            let next = DiskNode(path, cloud)
            try await next.run { supervisor in
                try await supervisor.stop("a")
                try await next.settle()
            }
            return disk.hits
        }

        /// What a shim does: it stops a sandbox whose start has failed, and one that it has started. Returns the errors.
        private func playShim(
            _ supervisor: SandboxSupervisor, _ cloud: ScriptedCloud, _ path: String
        ) async throws -> [LifecycleError] {
            var errors: [LifecycleError] = []
            let sandbox = try request("a")
            do throws(LifecycleError) {
                _ = try await supervisor.create(sandbox)
                try await supervisor.start(sandbox.id)
                #expect(cloud.machines.count == 1)
            } catch {
                errors.append(error)
            }
            let hasRecord = Files.exists("\(path)/a/record.json")
            #expect(hasRecord || cloud.machines.isEmpty, "a VM without a record")
            do throws(LifecycleError) { try await supervisor.stop("a") } catch { errors.append(error) }
            return errors
        }
    }
#endif
