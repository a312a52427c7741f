import JSON
import LinuxIO
import NetworkRig

/// benchmarks PROGRAMS PEER [--quick] [--only PART] [--pods-dir DIRECTORY] [--json FILE] [--thresholds FILE] [--check]
///
/// PART is tunnel, sessions, pods, create, hostile, network, network-checks, pods-network, scale, scale-at-once, scale-spread or scale-alone.
@main
enum Main {
    static func main() { Process.run { arguments, _ in run(arguments) } }

    private static func run(_ arguments: [String]) -> Int32 {
        do {
            if arguments.first == "node-end", arguments.count == 5 {
                try NodeEndProcess.run(
                    directory: arguments[1], forwarder: arguments[2], socket: arguments[3],
                    hasSessions: arguments[4] == "sessions")
                return 0
            }
            return try measure(arguments)
        } catch {
            StandardError.write("benchmarks: \(error)\n")
            return 1
        }
    }

    /// Measures, prints the figures, and compares them with the thresholds; the exit status.
    private static func measure(_ arguments: [String]) throws -> Int32 {
        guard arguments.count >= 2 else {
            throw Failure(
                "usage: benchmarks PROGRAMS PEER [--quick] [--only PART] [--pods-dir DIRECTORY] [--json FILE] "
                    + "[--thresholds FILE] [--check]")
        }
        @Sendable func value(after flag: String) -> String? {
            arguments.firstIndex(of: flag).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
        }
        let isQuick = arguments.contains("--quick")
        let isCheck = arguments.contains("--check")
        guard !(isQuick && isCheck) else {
            throw Failure("--check needs the figures of a whole run: leave out --quick")
        }
        // A file that cannot be read is an error before the measurement, not after it.
        let thresholds = try value(after: "--thresholds").map { try Thresholds(path: $0) }
        guard !isCheck || thresholds != nil else { throw Failure("--check needs --thresholds FILE") }
        let only = value(after: "--only")
        let figures = try EpollLoop.run { loop in
            // These benchmarks do not start the programs.
            if let only, only.hasPrefix("scale") {
                return try await ScaleBenchmark(loop: loop, isQuick: isQuick, part: only).run()
            }
            if only == "network-checks" { return try await NetworkBenchmark(isQuick: isQuick).checks() }
            if only == "network" { return try await NetworkBenchmark(isQuick: isQuick).run() }
            let tools = Tools(
                loop: loop, programs: arguments[0], peer: Peer(path: arguments[1], loop: loop),
                rounds: isQuick ? 1 : 5, seconds: isQuick ? 0.5 : 2, podsDirectory: value(after: "--pods-dir"))
            // Records are in memory, as under /run, unless --pods-dir names another directory.
            let directory = try Files.makeTemporaryDirectory(prefix: "/dev/shm/bench-")
            defer { try? Files.removeTree(directory) }
            if only == "sessions" { return try await sessions(tools, in: directory) }
            if only == "create" { return try await creations(tools, in: directory) }
            if only == "hostile" { return try await HostileBenchmark(tools: tools, directory: directory).run() }
            if only == "pods-network" { return try await podsWithNetwork(tools, in: directory) }
            var figures: [Figure] = []
            if only != "pods" { figures += try await tunnel(tools, in: directory) }
            if only != "tunnel" { figures += try await pods(tools, in: directory) }
            return figures
        }
        StandardOutput.write(table(figures))
        if let file = value(after: "--json") {
            try DurableFile.write(JSONValue.array(figures.map(\.json)).encoded(indent: 2), to: file, mode: 0o644)
        }
        guard let thresholds else { return 0 }
        if isQuick {
            StandardOutput.write("\nNot compared with \(thresholds.path): --quick measures too little.\n")
            return 0
        }
        let comparison = thresholds.compare(figures)
        StandardOutput.write(thresholds.report(comparison))
        return isCheck && !comparison.isGood ? 1 : 0
    }

    private static func tunnel(_ tools: Tools, in directory: String) async throws -> [Figure] {
        let rig = try await TunnelRig.start(tools, in: directory)
        return try await with(rig.children) {
            let memory = MemoryBenchmark(tools: tools, rig: rig)
            let idle = memory.idle()
            let figures = try await TunnelBenchmark(tools: tools, rig: rig).run()
            return figures + idle + (try await memory.afterLoad())
        }
    }

    private static func sessions(_ tools: Tools, in directory: String) async throws -> [Figure] {
        let rig = try await TunnelRig.start(tools, in: directory, keepsSessions: true)
        return try await with(rig.children) { try await SessionBenchmark(tools: tools, rig: rig).run(in: directory) }
    }

    private static func podsWithNetwork(_ tools: Tools, in directory: String) async throws -> [Figure] {
        let namespaces = try PodNamespaces(named: "ppbench")
        let result: Result<[Figure], any Error>
        do {
            let rig = try await AdaptorRig.start(tools, in: "\(directory)/n", areHosts: true)
            result = .success(
                try await with(rig.children) {
                    try await PodBenchmark(tools: tools, rig: rig, namespaces: namespaces).times()
                })
        } catch {
            result = .failure(error)
        }
        try namespaces.removeAll()
        return try result.get()
    }

    private static func creations(_ tools: Tools, in directory: String) async throws -> [Figure] {
        let rig = try await AdaptorRig.start(tools, in: "\(directory)/c")
        return try await with(rig.children) { try await PodBenchmark(tools: tools, rig: rig).creations() }
    }

    private static func pods(_ tools: Tools, in directory: String) async throws -> [Figure] {
        let rig = try await AdaptorRig.start(tools, in: "\(directory)/a")
        let figures = try await with(rig.children) {
            // The adaptor is idle once its start is over.
            try await tools.loop.sleep(for: .seconds(12))
            let idle = Figure(
                group: "Resident memory of the adaptor", name: "idle", value: Double(resident(rig.adaptor.pid)) / 1e6,
                unit: "MB", detail: "", goal: .atMost(14, "MB", original: "29.4 MB"))
            return [idle] + (try await PodBenchmark(tools: tools, rig: rig).run())
        }
        return figures + (try await SlowAzureBenchmark(tools: tools).run(in: "\(directory)/b"))
    }
}
