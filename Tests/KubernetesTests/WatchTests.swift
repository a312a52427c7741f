import Doubles
import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import Testing

@Suite("Kubernetes watch")
struct WatchTests {
    private static let selection = ObjectSelection(ObjectName(.nodes, "n"))

    private static func line(_ type: String, _ name: String, _ version: Int) -> String {
        #"{"type":"\#(type)","object":{"metadata":{"name":"\#(name)","resourceVersion":"\#(version)"}}}"# + "\n"
    }

    @Test("finds the same events however the bytes are cut", arguments: [1, 2, 7, 64, 10_000])
    func anyCut(size: Int) throws {
        let text =
            Self.line("ADDED", "a", 1) + "\r\n" + Self.line("MODIFIED", "a", 2) + Self.line("DELETED", "a", 3)
            + #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"# + "\n"
            + #"{"type":"LATER","object":{}}"# + "\n"
        var decoder = WatchDecoder(lineLimit: 1000)
        var events: [WatchEvent] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += try decoder.events(in: bytes[start..<min(start + size, bytes.count)])
        }
        #expect(events.count == 4)
        #expect(events.last == .bookmark(resourceVersion: "9"))
        #expect(!decoder.hasPart)
    }

    @Test(
        "a line that is not an event is an error",
        arguments: ["x\n", "{}\n", "[]\n", #"{"type":"ADDED"}"# + "\n", #"{"type":"BOOKMARK","object":{}}"# + "\n"])
    func hostile(line: String) {
        var decoder = WatchDecoder(lineLimit: 1000)
        #expect(throws: WatchDecoder.Malformed.self) { try decoder.events(in: Array(line.utf8)) }
    }

    @Test("a line of more than the limit is an error before its end")
    func longLine() {
        var decoder = WatchDecoder(lineLimit: 100)
        #expect(throws: WatchDecoder.Malformed.self) { try decoder.events(in: [UInt8](repeating: 0x20, count: 101)) }
    }

    @Test("a watch continues from its last event; half a line at the end is no event")
    func resumption() async throws {
        let rig = try ClientRig([.parts([Self.line("ADDED", "a", 4), #"{"type":"MODIFIED","obj"#])])
        var events: [WatchEvent] = []
        let version = try await rig.client.watch(Self.selection, from: "3") { events.append($0) }
        #expect(version == "4")
        #expect(events.count == 1)
        #expect(
            rig.server.targets == [
                "GET /api/v1/nodes?watch=1&resourceVersion=3&allowWatchBookmarks=true&timeoutSeconds=300"
                    + "&fieldSelector=metadata.name%3Dn"
            ])
        #expect(rig.server.requests[0].timeLimit == .seconds(315))
    }

    @Test("410 comes as a line with HTTP status 200, and means: list again")
    func expired() async throws {
        let status = #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#
        let rig = try ClientRig([.parts([Self.line("ADDED", "a", 4), status + "\n"])])
        let kind = await KubernetesError.Kind.of { _ = try await rig.client.watch(Self.selection, from: "3") { _ in } }
        #expect(kind == .expired)
    }

    @Test("following objects lists again after 410, continues after a break, and reports failures")
    func follow() async throws {
        let list: JSONValue = ["metadata": ["resourceVersion": "3"], "items": [["metadata": ["name": "a"]]]]
        let gone = #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"# + "\n"
        let rig = try ClientRig([
            .status(403, "Forbidden"), .json(200, list), .parts([Self.line("MODIFIED", "a", 4)]),
            .fail(HTTPError(.unknown, .brokenAnswer, "api.test:6443 hung up")), .parts([gone]),
            .json(200, list), .status(403, "Forbidden"),
        ])
        let seen = Lock([String]())
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await rig.client.follow(Self.selection) { event in
                    let text =
                        switch event {
                        case .listed(let objects): "listed \(objects.count)"
                        case .changed: "changed"
                        case .failed(let error): error.kind.rawValue
                        }
                    seen.withLock { $0.append(text) }
                }
            }
            while seen.withLock({ $0.count }) < 6 { await Task.yield() }
            group.cancelAll()
        }
        let expected = ["forbidden", "listed 1", "changed", "unreachable", "listed 1", "forbidden"]
        #expect(Array(seen.withLock { $0 }.prefix(6)) == expected)
        let versions = rig.server.targets.compactMap { target in
            target.split(separator: "&").first { $0.hasPrefix("resourceVersion") }.map(String.init)
        }
        #expect(Array(versions.prefix(3)) == ["resourceVersion=3", "resourceVersion=4", "resourceVersion=4"])
    }
}
