import JSON
import LinuxIO
import Testing

/// What a fake Azure says of itself at `/control/state`.
struct FakeAzureState {
    /// Names of resource types and their resources' states: `Microsoft.Compute/virtualMachines Creating`.
    let resources: [String]
    let calls: Int

    /// Asks the fake at `endpoint`, `http://127.0.0.1:4711`.
    init(of endpoint: String, on loop: EpollLoop) async throws {
        let address = try SocketAddress(parsing: String(endpoint.dropFirst("http://".count)))
        let stream = try await LinuxIO.Stream.connect(to: address, on: loop)
        defer { stream.close() }
        try await stream.write(Array("GET /control/state HTTP/1.0\r\n\r\n".utf8))
        var answer: [UInt8] = []
        while case let bytes = try await stream.read(upTo: 65536), !bytes.isEmpty { answer += bytes }
        let end = try #require(answer.firstRange(of: Array("\r\n\r\n".utf8)))
        let state = try JSONNode(JSONValue(parsing: Array(answer[end.upperBound...])))
        resources = try state.objects("resources").map { "\(try $0.string("type")) \(try $0.string("state"))" }
        calls = Int(try state.integer("calls"))
    }
}

extension RunningDaemon {
    /// Where the fake Azure in it is, as the log says.
    mutating func fakeAzure() async throws -> String {
        try await readLog(until: "\"probes\"")
        let mark = "Azure is but pretended\",\"endpoint\":\""
        return String(try #require(log.firstRange(of: mark).map { log[$0.upperBound...].prefix { $0 != "\"" } }))
    }
}
