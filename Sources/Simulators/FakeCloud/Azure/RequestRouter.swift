internal import HTTPTransport
internal import Telemetry

/// Passes each request to the service that it is for.
struct RequestRouter: Sendable {
    let options: FakeAzureOptions
    /// What absolute URLs in answers begin with when the request does not name a host.
    let endpoint: String
    let resources: ResourceManager
    let tokens: TokenEndpoint
    let metadata: FakeMetadataService
    let control: ControlAPI

    /// Answers a request.
    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        let exchange = Exchange(request, endpoint: endpoint(for: request), at: .now)
        let segments = exchange.segments
        switch segments.first?.lowercased() {
        case "subscriptions": return await resources.answer(exchange)
        case "bootdiagnostics": return resources.bootDiagnostics(exchange)
        case "metadata": return await metadata.answerNode(exchange, Array(segments.dropFirst()))
        case "imds" where segments.count >= 3 && segments[2].lowercased() == "metadata":
            return await metadata.answerMachine(exchange, token: segments[1], Array(segments.dropFirst(3)))
        case "control" where control.isReachable(from: request.peer):
            return control.answer(exchange, Array(segments.dropFirst()))
        default: return await tokens.answer(exchange)
        }
    }

    /// Answers a request to the plain listener that the metadata services have beside one with TLS.
    func answerPlain(_ request: HTTPRequest) async -> HTTPResponse {
        switch request.segments.first?.lowercased() {
        case "metadata", "imds": await answer(request)
        default: .text("Only metadata services are here.\n", status: 404)
        }
    }

    /// The base of URLs for this client: the host that the client has named if that is a valid name, else `endpoint`.
    private func endpoint(for request: HTTPRequest) -> String {
        guard options.publicEndpoint.isEmpty, let host = request.headers["Host"], host.utf8.count <= 255,
            !host.isEmpty,
            host.utf8.allSatisfy({
                ResourceName.isLetterOrDigit($0)
                    || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")]
                        .contains($0)
            })
        else { return endpoint }
        return "\(options.usesTLS ? "https" : "http")://\(host)"
    }
}
