internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

/// Runs the calls of all services: applies the faults of the scenario to them, and records the exchanges.
struct CallHandler: Sendable {
    let store: ResourceStore
    let recorder: Recorder?
    let region: String
    let loop: EpollLoop

    /// Answers a call: draws its faults, runs `effect` unless a fault prevents it, and records the exchange.
    func handle(
        _ exchange: Exchange, _ call: AzureCall, _ name: String, records: Bool = true,
        effect: () async -> HTTPResponse
    ) async -> HTTPResponse {
        // The path of a guest's request is a secret that gives access to its user data.
        func note(_ text: String) { if records { recorder?.note(exchange, text) } }
        let drawn = store.withContent { content in
            content.calls += 1
            return content.faults.draw(call, name)
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

    /// A refusal in the format of the service that is called.
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
        default: exchange.finish(FakeARMFault(status, code, message).response, region: region)
        }
    }
}
