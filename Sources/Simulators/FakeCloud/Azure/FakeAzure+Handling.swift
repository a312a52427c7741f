internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// Answers a request.
    func handle(_ request: HTTPRequest) async -> HTTPResponse {
        let exchange = Exchange(request, endpoint: endpoint(for: request), at: .now)
        let segments = exchange.segments
        let response: HTTPResponse
        switch segments.first?.lowercased() {
        case "subscriptions": response = await answerARM(exchange)
        case "metadata": response = await answerNodeMetadata(exchange, Array(segments.dropFirst()))
        case "imds" where segments.count >= 3 && segments[2].lowercased() == "metadata":
            response = await answerMachineMetadata(exchange, token: segments[1], Array(segments.dropFirst(3)))
        case "control" where FakeAzure.isOurs(request.peer):
            guard mayDirect(request) else { return FakeAzure.controlRefusal }
            return control(exchange, Array(segments.dropFirst()))
        default: response = await answerAuthority(exchange)
        }
        return response
    }

    /// Answers a request to the plain listener that metadata services have beside one with TLS.
    func handlePlain(_ request: HTTPRequest) async -> HTTPResponse {
        switch request.segments.first?.lowercased() {
        case "metadata", "imds": await handle(request)
        default: .text("Only metadata services are here.\n", status: 404)
        }
    }

    /// Whether a client is on this very host, and so may direct the play.
    private static func isOurs(_ peer: String) -> Bool {
        peer.hasPrefix("127.") || peer == "::1" || peer.hasPrefix("::ffff:127.")
    }

    /// Whether a client shows the account's secret. Other users of this host do not have it.
    private func mayDirect(_ request: HTTPRequest) -> Bool {
        let fields = (request.headers["Authorization"] ?? "").split(separator: " ")
        return fields.count == 2 && fields[0].lowercased() == "bearer"
            && options.clientSecret.matches(String(fields[1]))
    }

    private static let controlRefusal = HTTPResponse.json(
        ["error": "control needs the header \"Authorization: Bearer SECRET\" with the account's client secret"],
        status: 401)

    /// The name by which the client calls us, if it is one; else ours.
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

    /// Lets the scenario's faults happen around the effect of a call.
    func withFaults(
        _ exchange: Exchange, _ call: AzureCall, _ name: String, records: Bool = true,
        effect: () async -> HTTPResponse
    ) async -> HTTPResponse {
        // A guest's path is a secret: whoever has it can read the user data.
        func note(_ text: String) { if records { recorder?.note(exchange, text) } }
        let drawn = core.withLock { core in
            core.calls += 1
            return core.faults.draw(call, name)
        }
        for fault in drawn {
            switch fault.action {
            case .delay(let duration): try? await loop.sleep(for: duration)
            case .hang:
                note("hung")
                try? await loop.sleep(for: .seconds(3600))
                return .disconnect
            case .dropBefore:
                note("dropped before its effect")
                return .disconnect
            case .refuse(let status, let code, let message):
                var response = refusal(of: call, exchange, status, code.isEmpty ? "InternalServerError" : code, message)
                if let seconds = fault.retryAfter { response.headers.add("Retry-After", String(seconds)) }
                if records { recorder?.record(exchange, response) }
                return response
            case .dropAfter, .html, .truncate, .garbage, .fail, .nothing, .noAddress, .guest: break
            }
        }
        var response = await effect()
        for fault in drawn {
            switch fault.action {
            case .dropAfter:
                note("dropped after its effect")
                return .disconnect
            case .html(let status):
                note("answered with a page")
                let page = "<html><head><title>\(status)</title></head><body><h1>Bad Gateway</h1></body></html>\n"
                return HTTPResponse(
                    status: status, headers: ["Content-Type": "text/html", "Via": "1.1 proxy"], body: Array(page.utf8))
            case .truncate:
                note("answered with half a body")
                response.body.removeLast(response.body.count / 2)
                return response
            case .garbage:
                note("answered with garbage")
                response.body = [0xFF, 0xFE, 0x00] + Array("{\"value\": [tru".utf8)
                return response
            case .delay, .hang, .dropBefore, .refuse, .fail, .nothing, .noAddress, .guest: break
            }
        }
        if records { recorder?.record(exchange, response) }
        return response
    }

    /// A refusal in the words of whoever is asked.
    private func refusal(
        of call: AzureCall, _ exchange: Exchange, _ status: Int, _ code: String, _ message: String
    ) -> HTTPResponse {
        switch call {
        case .token, .openID, .identityToken:
            .json(
                [
                    "error": .string(code), "error_description": .string(message), "error_codes": [],
                    "timestamp": .string(exchange.received.description), "trace_id": .string(exchange.requestID),
                    "correlation_id": .string(exchange.requestID),
                ], status: status)
        case .metadata, .userData: .json(["error": .string(message)], status: status)
        default: exchange.finish(FakeARMFault(status, code, message).response, region: options.region)
        }
    }
}
