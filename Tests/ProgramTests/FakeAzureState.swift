import Doubles
import FakeCloud
import JSON
import LinuxIO
import Testing

/// What a fake Azure says of itself at `/control/state`.
struct FakeAzureState {
    /// Names of resource types and their resources' states: `Microsoft.Compute/virtualMachines Creating`.
    let resources: [String]
    let calls: Int

    /// Where a fake is, such as `http://127.0.0.1:4711`, and what it wants to be shown.
    struct Place {
        let endpoint: String
        let secret: String
    }

    /// Asks the fake there.
    init(of place: Place, on loop: EpollLoop) async throws {
        let address = try SocketAddress(parsing: String(place.endpoint.dropFirst("http://".count)))
        let stream = try await LinuxIO.Stream.connect(to: address, on: loop)
        defer { stream.close() }
        try await stream.write(
            Array("GET /control/state HTTP/1.0\r\nAuthorization: Bearer \(place.secret)\r\n\r\n".utf8))
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
    mutating func fakeAzure() async throws -> FakeAzureState.Place {
        try await readLog(until: "\"probes\"")
        let line = try #require(log.split(separator: "\n").first { $0.contains("Using a fake Azure") })
        let mark = "\"endpoint\":\""
        let endpoint = try #require(line.firstRange(of: mark).map { line[$0.upperBound...].prefix { $0 != "\"" } })
        let secret = try DurableFile.read("\(cloudDirectory)/secret", limit: 1024).filter { $0 != UInt8(ascii: "\n") }
        return FakeAzureState.Place(endpoint: String(endpoint), secret: String(decoding: secret, as: UTF8.self))
    }
}

extension LocalAzureOptions {
    /// A fake Azure in this process, whose VMs have loopback addresses and listen on `port`.
    init(in directory: String, port: UInt16) {
        self.init()
        stateDirectory = directory + "/azure"
        programsDirectory = Files.parent(of: RunningDaemon.executable)
        network = .loopback
        forwarderPort = port
        recordingFile = TrafficRecording.file()
    }
}
