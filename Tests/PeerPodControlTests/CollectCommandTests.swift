import Configuration
import JSON
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("peerpodctl gc")
struct CollectCommandTests {
    private let said = CapturedOutput()
    private let requests = Lock([CollectRequest]())

    private static func orphan(_ name: String, obstacle: String = "") -> OrphanStatus {
        .with {
            ($0.kind, $0.name, $0.node, $0.podNamespace, $0.podName) = ("VM", name, "node-2", "shop", "web")
            ($0.sandbox, $0.size, $0.created) = ("s1", "Standard_DC2es_v6", 1_700_000_000)
            ($0.reason, $0.obstacle) = ("no sandbox on this node's record owns it", obstacle)
        }
    }

    /// Runs the command beside an adaptor that has these orphans; returns the exit status.
    private func collect(
        _ options: CollectOptions = CollectOptions(), orphans: [OrphanStatus] = [orphan("podvm-a")],
        answer: Bool? = nil
    ) async throws -> Int32 {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        let (said, requests) = (said, requests)
        return try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let server = Server(
                Service.services(of: [
                    Sandboxes.orphans.handled { _, request in
                        #expect(request.nodes == options.nodes && request.allNodes == options.allNodes)
                        return .with { $0.orphans = orphans }
                    },
                    Sandboxes.collect.handled { _, request in
                        requests.withLock { $0.append(request) }
                        return .with { $0.orphans = request.orphans }
                    },
                ]), on: loop)
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.serve(listener) }
                defer { group.cancelAll() }
                var options = options
                options.socket = path
                let command = CollectCommand(options: options, output: said.output) { _, question in
                    #expect(question == "Delete these 1? [y/N] ")
                    return answer
                }
                return await command.collect(on: loop)
            }
        }
    }

    @Test("lists orphans with age, pod, size and reason, and deletes nothing with -dry-run")
    func dryRun() async throws {
        await #expect(try collect(CollectOptions(isDryRun: true)) == 0)
        let lines = said.standard.split(separator: "\n")
        #expect(lines.first?.hasPrefix("KIND  NAME     NODE    POD       SIZE") == true)
        #expect(lines.last?.hasPrefix("VM    podvm-a  node-2  shop/web  Standard_DC2es_v6") == true)
        #expect(lines.last?.hasSuffix("no sandbox on this node's record owns it") == true)
        #expect(requests.withLock { $0.isEmpty })
    }

    @Test("deletes what was listed and has no obstacle, after a yes or with -yes, for the same nodes")
    func confirmed() async throws {
        let orphans = [Self.orphan("podvm-a"), Self.orphan("podvm-b", obstacle: "it is younger than the grace time")]
        await #expect(try collect(CollectOptions(nodes: ["node-2"]), orphans: orphans, answer: true) == 0)
        await #expect(try collect(CollectOptions(allNodes: true, isConfirmed: true), orphans: orphans) == 0)
        let sent = requests.withLock { $0 }
        #expect(sent.map { $0.orphans.map(\.name) } == [["podvm-a"], ["podvm-a"]])
        #expect(sent.map(\.nodes?.nodes) == [["node-2"], []])
        #expect(sent.map(\.nodes?.allNodes) == [false, true])
        #expect(said.standard.contains("; stays: it is younger than the grace time"))
        #expect(said.error.contains("The adaptor deletes 1 of 1 orphans"))
    }

    @Test("deletes nothing after a no, or when it cannot ask and -yes is missing")
    func refused() async throws {
        await #expect(try collect(answer: false) == 125)
        #expect(said.error.isEmpty)
        await #expect(try collect(answer: nil) == 125)
        #expect(said.error.contains("give -yes"))
        await #expect(try collect(CollectOptions(isJSON: true), answer: true) == 125)
        #expect(requests.withLock { $0.isEmpty })
    }

    @Test("says that there are none")
    func none() async throws {
        await #expect(try collect(orphans: []) == 0)
        #expect(said.standard == "no orphans\n")
    }

    @Test("writes JSON with all fields")
    func json() async throws {
        await #expect(try collect(CollectOptions(isDryRun: true, isJSON: true)) == 0)
        let document = try JSONValue(parsing: Array(said.standard.utf8))
        #expect(document.arrayValue?.first?["size"]?.stringValue == "Standard_DC2es_v6")
        #expect(document.arrayValue?.first?["created"]?.integerValue == 1_700_000_000)
    }

    @Test("refuses flags that contradict each other")
    func contradictions() {
        #expect(CollectOptions(allNodes: true, nodes: ["a"]).problems == ["give -node or -all-nodes, not both"])
        #expect(CollectOptions(isDryRun: true, isConfirmed: true).problems == ["give -dry-run or -yes, not both"])
    }
}
