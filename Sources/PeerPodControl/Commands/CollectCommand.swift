internal import Configuration
internal import JSON
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The values of the flags of `peerpodctl gc`.
struct CollectOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var isDryRun = false
    var allNodes = false
    var nodes: [String] = []
    var isConfirmed = false
    var isJSON = false

    static let command = Command(
        "peerpodctl gc", summary: "list orphans in the cloud, and delete them",
        details: """
            An orphan is a VM, or a network interface, disk or public address without a VM, that has this cluster's tags \
            and that no sandbox owns. The adaptor deletes its own node's orphan VMs itself after its grace time \
            (-orphan-grace-time). This command shows them earlier, and deletes those of nodes that never come back.

            The adaptor cannot see whether another node lives: it relies on what you say with -node or -all-nodes. \
            Name only nodes that have been removed from the cluster. As a precaution it deletes nothing of a node that has \
            a VM younger than the grace time, and nothing that is younger itself. The nodes of a cluster have the same \
            -cluster-id; without it, each node only finds its own orphans.

            The command asks before it deletes, and needs -yes where it cannot ask. The adaptor deletes in the background.
            """,
        defaults: CollectOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting("dry-run", \.isDryRun, .bool, "Only list the orphans."),
                    Setting("node", \.nodes, .list("NAME,..."), "Orphans of these nodes, which never come back."),
                    Setting(
                        "all-nodes", \.allNodes, .bool,
                        "Orphans of all nodes of the cluster. All nodes but this one never come back."),
                    Setting("yes", \.isConfirmed, .bool, "Delete without a question."),
                    Setting("json", \.isJSON, .bool, "Write a JSON array instead of a table. Never asks: see -yes."),
                ])
        ])

    /// What the flags contradict each other in, as a sentence each.
    var problems: [String] {
        var problems: [String] = []
        if allNodes, !nodes.isEmpty { problems.append("give -node or -all-nodes, not both") }
        if isDryRun, isConfirmed { problems.append("give -dry-run or -yes, not both") }
        return problems
    }

    fileprivate var request: OrphansRequest {
        .with {
            $0.nodes = nodes
            $0.allNodes = allNodes
        }
    }
}

/// `peerpodctl gc`, after its flags have been read.
struct CollectCommand: Sendable {
    /// The time limit for the cloud's lists, which may have many pages.
    private static let patience = Duration.seconds(120)

    let options: CollectOptions
    let output: Program.Output
    /// Asks a question; nil when there is no terminal.
    var ask: @Sendable (EpollLoop, String) async throws -> Bool? = CollectCommand.askOnTerminal

    /// Lists, asks and deletes; returns the exit status.
    func run() -> Int32 {
        Signals.ignoreBrokenPipes()
        do {
            return try EpollLoop.run { loop in await collect(on: loop) }
        } catch {
            output.error("peerpodctl gc: \(error)\n")
            return ExitStatus.failure
        }
    }

    func collect(on loop: EpollLoop) async -> Int32 {
        let socket = HypervisorSocket(path: options.socket, loop: loop)
        do {
            let found = try await socket.call(Sandboxes.orphans, options.request, timeout: Self.patience).orphans
            write(found)
            let due = found.filter(\.obstacle.isEmpty)
            if options.isDryRun || due.isEmpty { return ExitStatus.success }
            guard try await isConfirmed(due.count, on: loop) else { return ExitStatus.failure }
            let request = CollectRequest.with {
                $0.nodes = options.request
                $0.orphans = due
            }
            let begun = try await socket.call(Sandboxes.collect, request, timeout: Self.patience).orphans
            output.error(
                "The adaptor deletes \(begun.count) of \(due.count) orphans. Its log shows when they are gone.\n")
            return ExitStatus.success
        } catch let failure as PodFailure {
            output.error(failure.text(of: "peerpodctl gc"))
            return ExitStatus.failure
        } catch {
            return ExitStatus.interrupted
        }
    }

    private func isConfirmed(_ count: Int, on loop: EpollLoop) async throws -> Bool {
        if options.isConfirmed { return true }
        let answer = options.isJSON ? nil : try await ask(loop, "Delete these \(count)? [y/N] ")
        if answer == nil {
            output.error("peerpodctl gc: nothing was deleted: give -yes to delete without a question\n")
        }
        return answer ?? false
    }

    private static func askOnTerminal(_ loop: EpollLoop, _ question: String) async throws -> Bool? {
        guard StandardInput.isTerminal, StandardError.isTerminal else { return nil }
        StandardError.write(question)
        let answer = try await StandardInput(on: loop).read(upTo: 1024)
        return ["y", "yes"].contains(
            String(decoding: answer.filter { $0 > UInt8(ascii: " ") }, as: UTF8.self).lowercased())
    }

    private func write(_ orphans: [OrphanStatus]) {
        if options.isJSON {
            let document = JSONValue.array(orphans.map(\.json))
            return output.standard(String(decoding: document.encoded(indent: 2), as: UTF8.self) + "\n")
        }
        let lines = orphans.isEmpty ? ["no orphans"] : Self.table(of: orphans, now: .now).lines
        output.standard(lines.map { $0 + "\n" }.joined())
    }

    static func table(of orphans: [OrphanStatus], now: WallTime) -> TextTable {
        var table = TextTable(
            ["KIND", "NAME", "NODE", "POD", "SIZE", "AGE", "WHY"],
            aligned: [.left, .left, .left, .left, .left, .right, .left])
        for orphan in orphans {
            table.add([
                orphan.kind, orphan.name, orphan.node, "\(orphan.podNamespace)/\(orphan.podName)",
                orphan.size.isEmpty ? "-" : orphan.size, ageText(of: orphan.created, now: now),
                orphan.obstacle.isEmpty ? orphan.reason : "\(orphan.reason); stays: \(orphan.obstacle)",
            ])
        }
        return table
    }
}

extension OrphanStatus {
    fileprivate var json: JSONValue {
        [
            "kind": .string(kind), "name": .string(name), "node": .string(node), "namespace": .string(podNamespace),
            "pod": .string(podName), "sandbox": .string(sandbox), "size": .string(size), "created": .integer(created),
            "reason": .string(reason), "obstacle": .string(obstacle),
        ]
    }
}
