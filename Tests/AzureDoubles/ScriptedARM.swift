package import AzureProvider
package import Doubles
package import HTTPTransport
package import JSON
package import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Azure's servers as a test scripts them: each method and path has its replies, in order; the last one is repeated.
///
/// A request for a token gets a token, unless the script says otherwise; a request without a script gets ARM's 404.
package final class ScriptedARM: HTTPSender {
    /// What a request gets.
    package indirect enum Reply: Sendable {
        case answer(HTTPResponse)
        case fail(HTTPError)
        /// Says nothing until the caller is cancelled.
        case hang
        /// Waits, then goes on.
        case wait(Event, Reply)

        /// A body of JSON, and headers.
        package static func json(_ status: Int, _ body: JSONValue, _ headers: [(String, String)] = []) -> Reply {
            var response = HTTPResponse(
                status: status, headers: ["Content-Type": "application/json; charset=utf-8"], body: body.encoded())
            for (name, value) in headers { response.headers.add(name, value) }
            return .answer(response)
        }

        /// No body.
        package static func empty(_ status: Int, _ headers: [(String, String)] = []) -> Reply {
            .answer(HTTPResponse(status: status, headers: HTTPHeaders(headers.map { (name: $0.0, value: $0.1) })))
        }

        /// An error of ARM.
        package static func refusal(
            _ status: Int, _ code: String, _ message: String = "no", _ headers: [(String, String)] = []
        ) -> Reply {
            .json(status, ["error": ["code": .string(code), "message": .string(message)]], headers)
        }

        /// Anything at all.
        package static func bytes(_ status: Int, _ type: String, _ body: String) -> Reply {
            .answer(HTTPResponse(status: status, headers: ["Content-Type": type], body: Array(body.utf8)))
        }

        /// The connection broke after the request had left.
        package static let broken = Reply.fail(HTTPError(.unknown, .brokenAnswer, "management.test:443 hung up"))
        /// The connection was never there.
        package static let unreachable = Reply.fail(
            HTTPError(.notSent, .connection, "management.test:443 refuses connections"))
    }

    private struct Scene: Sendable {
        let method: String
        let path: String
        var replies: [Reply]
    }

    private struct State {
        var scenes: [Scene] = []
        var requests: [OutgoingRequest] = []
    }

    private let state = Lock(State())
    /// By method and path, such as `GET /subscriptions/sub/...`, for waiting until a request has come.
    package let arrivals = CallCounter<String>()

    /// The options of an account here, with a client secret.
    package static var options: AzureOptions {
        var options = AzureOptions()
        options.subscriptionID = "sub"
        options.resourceGroup = "rg"
        options.region = "westeurope"
        options.tenantID = "tenant"
        options.clientID = "client"
        options.clientSecret = Secret("hush-hush")
        options.authorityHost = "https://login.test"
        options.managementEndpoint = "https://management.test"
        options.metadataEndpoint = "http://metadata.test"
        return options
    }

    package init() {
        on(
            "POST", "/oauth2/v2.0/token",
            .json(200, ["token_type": "Bearer", "expires_in": 3599, "access_token": "t1"]))
    }

    /// Writes the replies of requests whose path, without its query, ends so (in any case). The latest word counts.
    package func on(_ method: String, _ pathEnd: String, _ replies: Reply...) {
        state.withLock { state in
            state.scenes.insert(Scene(method: method, path: pathEnd.lowercased(), replies: replies), at: 0)
        }
    }

    /// All requests so far.
    package var requests: [OutgoingRequest] { state.withLock { $0.requests } }
    /// Those to ARM, less the tokens', as `GET /subscriptions/...?api-version=...`.
    package var calls: [String] {
        requests.filter { !$0.url.contains("/oauth2/") }.map { "\($0.method) \(Self.target(of: $0))" }
    }

    package func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
        let path = String(Self.target(of: request).prefix { $0 != "?" })
        let reply = state.withLock { state in
            state.requests.append(request)
            let scene = state.scenes.firstIndex {
                $0.method == request.method && path.lowercased().hasSuffix($0.path) && !$0.replies.isEmpty
            }
            guard let scene else { return Reply.refusal(404, "ResourceNotFound", "The Resource was not found.") }
            let replies = state.scenes[scene].replies
            return replies.count == 1 ? replies[0] : state.scenes[scene].replies.removeFirst()
        }
        arrivals.count("\(request.method) \(path)")
        return try await play(reply)
    }

    private func play(_ reply: Reply) async throws(HTTPError) -> HTTPResponse {
        switch reply {
        case .answer(let response): return response
        case .fail(let error): throw error
        case .hang:
            await Event().wait()
            throw HTTPError(.unknown, .cancelled, "cancelled")
        case .wait(let signal, let next):
            await signal.wait()
            if Task.isCancelled { throw HTTPError(.unknown, .cancelled, "cancelled") }
            return try await play(next)
        }
    }

    /// What follows the host.
    package static func target(of request: OutgoingRequest) -> String {
        guard let host = request.url.range(of: "://") else { return request.url }
        return String(request.url[host.upperBound...].drop { $0 != "/" })
    }

    /// A client of this Azure.
    package func client(
        _ clock: any LifecycleClock, options: AzureOptions = ScriptedARM.options, logger: Logger = .silent,
        metrics: Metrics = Metrics()
    ) -> ARMClient {
        ARMClient(
            AzureAccount(options), sender: self,
            credential: TokenSource(options, sender: self, clock: clock, logger: logger, metrics: metrics),
            clock: clock, logger: logger, metrics: metrics)
    }
}

extension String {
    /// Where `text` first occurs.
    package func range(of text: String) -> Range<String.Index>? {
        indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
    }
}
