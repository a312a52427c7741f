import Doubles
import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport

/// An API server that gives its answers in order; after the last one it refuses connections.
final class ScriptedAPIServer: HTTPSender {
    enum Reply: Sendable {
        case answer(HTTPResponse)
        case fail(HTTPError)
        /// The parts of a watch's body.
        case parts([String])

        static func json(_ status: Int, _ body: JSONValue, _ headers: HTTPHeaders = [:]) -> Reply {
            .answer(HTTPResponse(status: status, headers: headers, body: body.encoded()))
        }

        /// A Status object.
        static func status(
            _ code: Int, _ reason: String, _ details: JSONValue = [:], _ headers: HTTPHeaders = [:]
        ) -> Reply {
            .json(
                code,
                [
                    "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "said no",
                    "reason": .string(reason), "code": .integer(Int64(code)), "details": details,
                ], headers)
        }
    }

    private let state: Lock<(replies: [Reply], requests: [OutgoingRequest])>

    init(_ replies: [Reply]) { state = Lock((replies, [])) }

    var requests: [OutgoingRequest] { state.withLock { $0.requests } }
    var targets: [String] { requests.map { "\($0.method) " + $0.url.dropFirst("https://api.test:6443".count) } }

    func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
        let reply: Reply? = state.withLock { state in
            state.requests.append(request)
            return state.replies.isEmpty ? nil : state.replies.removeFirst()
        }
        if Task.isCancelled { throw HTTPError(.notSent, .cancelled, "cancelled") }
        switch reply {
        case .answer(let response): return response
        case .fail(let error): throw error
        case .parts(let parts):
            for part in parts where request.onBody?(Array(part.utf8)) == false {
                throw HTTPError(.unknown, .answerTooLarge, "api.test:6443: the receiver of the answer refused it")
            }
            return HTTPResponse(status: 200)
        case nil: throw HTTPError(.notSent, .connection, "api.test:6443: connection refused")
        }
    }
}

/// A client of a scripted server, with a token in a file.
struct ClientRig {
    let directory: TemporaryDirectory
    let server: ScriptedAPIServer
    let clock = InstantClock()
    let client: KubernetesClient

    init(_ replies: [ScriptedAPIServer.Reply], limits: KubernetesClient.Limits = .init()) throws {
        directory = try TemporaryDirectory()
        server = ScriptedAPIServer(replies)
        let access = ClusterAccess(
            endpoint: "https://api.test:6443", authorityFile: nil, tokenFile: try directory.write("t1\n", to: "token"))
        client = KubernetesClient(access, sender: server, clock: clock, limits: limits)
    }

    var tokens: [String] { server.requests.map { $0.headers["Authorization"] ?? "" } }
}

extension KubernetesError.Kind {
    static func of(_ body: () async throws -> Void) async -> KubernetesError.Kind? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? KubernetesError)?.kind
        }
    }
}
