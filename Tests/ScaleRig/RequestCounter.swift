internal import HTTPTransport
internal import LinuxIO

/// Passes requests on, and counts them by what they ask for.
final class RequestCounter: HTTPSender {
    /// Calls of one kind.
    struct Count: Sendable {
        var calls = 0
        /// Answered with 429.
        var throttled = 0
        /// Without any answer, or with 5xx.
        var failed = 0
    }

    private let sender: any HTTPSender
    private let counts = Lock<[String: Count]>([:])

    init(_ sender: any HTTPSender) { self.sender = sender }

    /// By kind: `PUT vm`, `GET nic`, `LIST vm`, `GET operation`, `POST token` and so on.
    var all: [String: Count] { counts.withLock { $0 } }

    func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
        let kind = RequestCounter.kind(of: request)
        do throws(HTTPError) {
            let response = try await sender.send(request)
            counts.withLock { counts in
                counts[kind, default: Count()].calls += 1
                if response.status == 429 { counts[kind, default: Count()].throttled += 1 }
                if response.status >= 500 { counts[kind, default: Count()].failed += 1 }
            }
            return response
        } catch {
            counts.withLock { counts in
                counts[kind, default: Count()].calls += 1
                if error.reason != .cancelled { counts[kind, default: Count()].failed += 1 }
            }
            throw error
        }
    }

    private static let names = [
        "virtualmachines": "vm", "networkinterfaces": "nic", "disks": "disk", "operations": "operation",
        "diskoperations": "operation", "operationresults": "operation", "skus": "sizes", "token": "token",
    ]

    private static func kind(of request: OutgoingRequest) -> String {
        let path = request.url.prefix { $0 != "?" }.lowercased().split(separator: "/")
        for (index, segment) in path.enumerated().reversed() {
            guard let name = names[String(segment)] else { continue }
            let isList = index == path.count - 1 && request.method == "GET"
            return "\(isList ? "LIST" : request.method) \(name)"
        }
        return "\(request.method) other"
    }
}
