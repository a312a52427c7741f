import Configuration
import JSON
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("peerpodctl explain and timeline")
struct HistoryCommandTests {
    private static let begin: Int64 = 1_767_225_600_000
    private static let id = String(repeating: "0a", count: 32)

    private static func step(
        _ step: String, _ after: Int64, place: String = "", code: String = "", detail: String = ""
    ) -> HistoryStep {
        .with {
            ($0.step, $0.time, $0.place, $0.code, $0.detail) = (step, begin + after, place, code, detail)
        }
    }

    /// A pod whose first place was refused.
    private static func booting(hasEnded: Bool = false, last: [HistoryStep] = []) -> SandboxHistoryStatus {
        .with {
            $0.sandbox = .with {
                ($0.id, $0.podName, $0.podNamespace, $0.vm) = (id, "web", "shop", "podvm-web-0a0a0a0a")
                ($0.state, $0.address) = ("booting", "10.0.0.4")
                ($0.size, $0.zone, $0.tee) = ("Standard_DC4es_v6", "2", "tdx")
                if hasEnded { $0.failure = "VM podvm-web was not created: QuotaExceeded." }
            }
            $0.hasEnded = hasEnded
            $0.sizeReason = "the pod's spec needs 4 vCPUs, 9000 MiB; the pod accepts tdx"
            $0.steps =
                [
                    step("preparing", 0), step("missing", 20, detail: "The image pull secret shop/x is skipped"),
                    step("prepared", 40), step("creating", 50),
                    step("trying", 60, place: "Standard_DC4es_v6 in zone 1 (tdx)"),
                    step(
                        "refused", 1060, place: "Standard_DC4es_v6 in zone 1 (tdx)", code: "SkuNotAvailable",
                        detail: "HTTP 409: SkuNotAvailable: none in zone 1 (request id r1)"),
                    step("trying", 1061, place: "Standard_DC4es_v6 in zone 2 (tdx)"),
                    step("booting", 4061, place: "Standard_DC4es_v6 in zone 2 (tdx)"),
                ] + last
        }
    }

    private static var now: WallTime { WallTime(millisecondsSinceEpoch: begin + 13_061) }

    /// Runs a command against an adaptor with these sandboxes.
    private func ask(
        _ histories: [SandboxHistoryStatus], _ said: CapturedOutput,
        _ command: @escaping @Sendable (String, Program.Output) -> HistoryCommand
    ) async throws -> Int32 {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        return try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let server = Server(
                Service.services(of: [
                    Sandboxes.history.handled { _, request in
                        .with { $0.sandboxes = request.name == "web" ? histories : [] }
                    }
                ]), on: loop)
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.serve(listener) }
                defer { group.cancelAll() }
                return await command(path, said.output).show(on: loop)
            }
        }
    }

    @Test("explain says why the size, which tries failed with which code, and what the pod waits for")
    func explain() {
        #expect(
            ExplainReport(Self.booting(), now: Self.now).lines == [
                "pod shop/web, sandbox 0a0a0a0a0a0a, VM podvm-web-0a0a0a0a, booting, since 2026-01-01T00:00:00.000Z",
                "  size     Standard_DC4es_v6 in zone 2 (tdx)",
                "  because  the pod's spec needs 4 vCPUs, 9000 MiB; the pod accepts tdx",
                "  tries    1. Standard_DC4es_v6 in zone 1 (tdx): refused after 1.00 s: HTTP 409: "
                    + "SkuNotAvailable: none in zone 1 (request id r1)",
                "           2. Standard_DC4es_v6 in zone 2 (tdx): an address after 3.00 s",
                "  missing  The image pull secret shop/x is skipped",
                "  waits    for the agent in the VM to answer at 10.0.0.4, for 9.00 s so far",
            ])
    }

    @Test("explain shows a sandbox that ended with the reason, and waits for nothing")
    func explainEnded() {
        let last = [Self.step("replaced", 5061, code: "quota exceeded", detail: "full"), Self.step("deleting", 5100)]
        let lines = ExplainReport(Self.booting(hasEnded: true, last: last), now: Self.now).lines
        #expect(lines[0].contains(", ended, since"))
        #expect(lines[4].hasSuffix("an address after 3.00 s, then not provisioned, quota exceeded: full"))
        #expect(lines.last == "  failure  VM podvm-web was not created: QuotaExceeded.")
        #expect(!lines.contains { $0.contains("waits") })
    }

    @Test("timeline shows each phase with its length, failures, and the phase that goes on")
    func timeline() {
        let lines = TimelineReport(Self.booting(), now: Self.now).lines(width: 100)
        let names = lines.dropFirst().map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
        #expect(
            names == [
                "CreateVM ▏", "wait for", "begin StartVM", "create Standard_DC4es_v6", "create Standard_DC4es_v6",
                "boot and",
            ])
        #expect(lines[4].hasSuffix("1.00 s  SkuNotAvailable"))
        #expect(lines[6].hasSuffix("9.00 s so far"))
        // 9 of 13.061 seconds.
        #expect(lines[6].count { $0 == "█" } > lines[5].count { $0 == "█" } * 2)
        let running = TimelineReport(
            Self.booting(last: [Self.step("running", 6061), Self.step("deleting", 9061)]), now: Self.now)
        #expect(running.lines(width: 100).last?.hasSuffix("4.00 s so far") == true)
        #expect(running.life.startLength == .milliseconds(6061))
    }

    @Test("the drawing is a document whose bars lie within it, without characters that XML interprets")
    func drawing() {
        let evil = "<script>\u{0}&\"\u{1b}[2J"
        var history = Self.booting()
        history.sandbox?.podName = evil
        history.steps.append(Self.step("trying", 9000, place: evil))
        history.steps.append(Self.step("refused", 9100, code: evil))
        history.steps.append(Self.step("trying", 9200, place: "S"))
        let text = TimelineDrawing(report: TimelineReport(history, now: Self.now)).text
        #expect(text.hasPrefix("<?xml") && text.hasSuffix("</svg>\n"))
        #expect(!text.contains("<script") && text.contains("&lt;script&gt;"))
        #expect(text.unicodeScalars.allSatisfy { $0.isPrintable || $0 == "\n" })
        #expect(text.count { $0 == "<" } == text.count { $0 == ">" })
        #expect(text.contains("fill=\"#c0392b\"") && text.contains("fill=\"#d9a520\""))
    }

    @Test("times that jump, are negative or absurd, and steps without an order break nothing")
    func hostile() {
        let times: [Int64] = [.min, .max, 0, -1, Self.begin]
        for kinds in [["running", "preparing", "x", "refused"], ["trying", "trying", "booting", "gone"], []] {
            for time in times {
                var history = Self.booting()
                history.steps = kinds.enumerated().map { index, kind in
                    .with {
                        $0.step = kind
                        $0.time = times[(index + 1) % times.count] &+ time
                    }
                }
                let report = TimelineReport(history, now: WallTime(millisecondsSinceEpoch: time))
                #expect(report.life.phases.allSatisfy { $0.start >= .zero && $0.length >= .zero })
                #expect(!report.lines(width: 10).isEmpty && !TimelineDrawing(report: report).text.isEmpty)
                #expect(!ExplainReport(history, now: WallTime(millisecondsSinceEpoch: time)).lines.isEmpty)
            }
        }
    }

    @Test("the commands ask the adaptor, show all sandboxes or the newest one, and fail for an unknown pod")
    func commands() async throws {
        let said = CapturedOutput()
        let histories = [Self.booting(hasEnded: true), Self.booting()]
        await #expect(
            try ask(histories, said) { .explain(ExplainOptions(socket: $0), "web", $1) } == 0)
        #expect(said.standard.ranges(of: "pod shop/web").count == 2)
        let json = CapturedOutput()
        await #expect(
            try ask(histories, json) { .explain(ExplainOptions(socket: $0, isJSON: true), "web", $1) } == 0)
        let list = try #require(try JSONValue(parsing: Array(json.standard.utf8)).arrayValue)
        #expect(list.map { $0["state"]?.stringValue } == ["ended", "booting"])
        #expect(list[1]["steps"]?.arrayValue?.count == 8)
        for form in TimelineOptions.Form.allCases {
            let text = CapturedOutput()
            await #expect(
                try ask(histories, text) { .timeline(TimelineOptions(socket: $0, form: form), "web", $1) } == 0)
            #expect(text.standard.ranges(of: "CreateVM").count == 1, "\(form)")
        }
        let none = CapturedOutput()
        await #expect(try ask(histories, none) { .explain(ExplainOptions(socket: $0), "db", $1) } == 125)
        #expect(none.error.contains("no sandbox on this node belongs to a pod \"db\""))
    }
}
