internal import LinuxIO
internal import PodNetwork
internal import Telemetry

/// The metadata service for the pod, if the image's maker enables it (`-pod-metadata`).
///
/// It answers only inside of the pod's namespace and only to the pod's processes, with the answers of the VM's own
/// service without the VM's user data. All of its resources are bounded: the pod is not trusted.
struct PodMetadataRelay: Sendable {
    /// The longest answer, in bytes.
    static let bodyLimit = 256 << 10
    /// The most simultaneous requests; further connections wait to be accepted.
    private static let places = 8
    /// The time limit for a request and its answer. The VM's service has five seconds of it.
    private static let patience = Duration.seconds(10)
    private static let servicePatience = Duration.seconds(5)

    private let listener: Listener
    private let endpoint: MetadataEndpoint
    private let loop: EpollLoop
    private let logger: Logger

    /// The address on which it listens.
    var address: SocketAddress { listener.address }

    /// Listens at `address` of `namespace`'s loopback interface, for requests that `endpoint` answers.
    init(
        in namespace: NetworkNamespace, at address: SocketAddress, for endpoint: MetadataEndpoint, on loop: EpollLoop,
        logger: Logger
    ) throws {
        // Only on the loopback interface: the address is of no use outside.
        listener = try Listener.listen(on: address, loop: loop, backlog: 64, device: "lo", in: namespace)
        self.endpoint = endpoint
        self.loop = loop
        self.logger = logger
    }

    /// Answers until cancelled.
    func run() async throws {
        defer { listener.close() }
        // A task accepts one connection at a time, and then serves it.
        let accepting = AsyncSemaphore(1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<Self.places {
                group.addTask {
                    while true { await serve(try await accepting.withPermit { try await listener.accept() }) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func serve(_ stream: Stream) async {
        defer { stream.close() }
        do {
            try await withDeadline(.now.advanced(by: Self.patience), on: loop) {
                try await stream.write(Self.head(of: try await answer(stream)))
                // The answer might get lost if the connection is closed while received bytes are unread.
                try await stream.finishWriting()
                _ = try await withDeadline(.now.advanced(by: .seconds(1)), on: loop) { try await stream.read(upTo: 1) }
            }
        } catch {
            logger.debug("A metadata request of the pod failed: \(error)")
        }
    }

    private func answer(_ stream: Stream) async throws -> HTTPResponseReader.Answer {
        let question: MetadataQuery
        do {
            guard let request = try await request(stream) else { throw StreamClosed() }
            question = try MetadataQuery(request)
        } catch let refusal as MetadataRefusal {
            return .refusal(refusal.status, refusal.reason)
        }
        let answer: HTTPResponseReader.Answer
        do {
            answer = try await withDeadline(.now.advanced(by: Self.servicePatience), on: loop) {
                try await endpoint.answer(to: question.target, upTo: Self.bodyLimit, on: loop)
            }
        } catch is DeadlineExceeded {
            return .refusal(504, "the VM's metadata service did not answer within \(Self.servicePatience)")
        } catch let error where !(error is CancellationError) {
            return .refusal(502, "the VM's metadata service does not answer: \(error)")
        }
        if let filtered = MetadataSecrets.removed(from: answer.body) {
            return HTTPResponseReader.Answer(status: answer.status, body: filtered)
        }
        // A single value, requested as text: its path names the value.
        if answer.status == 200, question.wantsText { return answer }
        return .refusal(
            answer.status == 200 ? 502 : answer.status, "the VM's metadata service did not answer with JSON")
    }

    /// Reads the request; nil if the connection ends before the request is complete.
    private func request(_ stream: Stream) async throws -> MetadataRequest? {
        var bytes: [UInt8] = []
        while true {
            if let end = try MetadataRequest.end(in: bytes) { return try MetadataRequest(parsing: bytes[..<end]) }
            let more = try await stream.read(upTo: MetadataRequest.limit - bytes.count)
            if more.isEmpty { return nil }
            bytes += more
        }
    }

    private static func head(of answer: HTTPResponseReader.Answer) -> [UInt8] {
        let type = answer.body.first == UInt8(ascii: "{") || answer.body.first == UInt8(ascii: "[")
        let head = """
            HTTP/1.1 \(answer.status) \(answer.status == 200 ? "OK" : "Refused")\r
            Content-Type: \(type ? "application/json" : "text/plain"); charset=utf-8\r
            Content-Length: \(answer.body.count)\r
            Connection: close\r
            \r

            """
        return Array(head.utf8) + answer.body
    }
}

extension HTTPResponseReader.Answer {
    /// The answer that the metadata service itself would give for an error.
    fileprivate static func refusal(_ status: Int, _ reason: String) -> HTTPResponseReader.Answer {
        let text = reason.filter { $0 != "\"" && $0 != "\\" && ($0.asciiValue ?? 0) >= 0x20 }
        return HTTPResponseReader.Answer(status: status, body: Array("{\"error\":\"\(text)\"}".utf8))
    }
}
