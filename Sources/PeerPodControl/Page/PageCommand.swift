internal import Configuration
internal import Encoding
internal import HTTPTransport
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// `peerpodctl ui`, after its flags have been read.
struct PageCommand: Sendable {
    let options: PageOptions
    let output: Program.Output

    /// Serves the page until interrupted; returns the exit status.
    func run() -> Int32 {
        do {
            _ = try LoopFrame.run(HTTPClient.Options()) { loop, http, logger in
                try await serve(on: loop, http, logger)
            }
            return ExitStatus.success
        } catch {
            output.error("peerpodctl ui: \(error)\n")
            return ExitStatus.failure
        }
    }

    /// Serves the page until cancelled. The address is printed when the page can be read.
    func serve(on loop: EpollLoop, _ http: HTTPClient, _ logger: Logger) async throws {
        let address = SocketAddress.tcp(host: "127.0.0.1", port: UInt16(options.port))
        let listener = try Listener.listen(on: address, loop: loop)
        guard case .tcp(_, let port) = listener.address else { return }
        let gate = PageGuard(key: UUID4.random().filter { $0 != "-" }, port: port)
        var limits = HTTPServer.Limits()
        (limits.connections, limits.bodyBytes) = (32, 1024)
        let server = try HTTPServer(on: listener, loop: loop, limits: limits, logger: logger) { request in
            switch gate.verdict(on: request) {
            case .page: PageGuard.response(200, "text/html", await page(on: loop, http).html)
            case .style: PageGuard.response(200, "text/css", NodePage.style)
            case .refused(let status, let text): PageGuard.response(status, "text/plain", text)
            }
        }
        output.standard("http://127.0.0.1:\(port)\(gate.path)\n")
        try await server.run()
    }

    /// The page of this moment. What cannot be read is said on the page.
    func page(on loop: EpollLoop, _ http: HTTPClient) async -> NodePage {
        var page = NodePage()
        page.node = SystemInfo.hostName
        let socket = HypervisorSocket(path: options.socket, loop: loop)
        do {
            // Without a name: the latest of all pods, also those that ended.
            let latest = try await socket.call(Sandboxes.history, HistoryRequest(), timeout: .seconds(5)).sandboxes
            page.histories = latest.reversed()
        } catch {
            page.problems.append((error as? PodFailure)?.message ?? "\(error)")
        }
        var request = OutgoingRequest("GET", "http://127.0.0.1:\(options.probePort)/metrics")
        (request.timeLimit, request.usesProxy) = (.seconds(5), false)
        do {
            page.metrics = String(decoding: try await http.send(request).body, as: UTF8.self)
        } catch {
            page.problems.append("the adaptor's metrics cannot be read: \(error)")
        }
        return page
    }
}
