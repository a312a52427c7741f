import HTTPTransport
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("peerpodctl ui")
struct PageTests {
    private static let evil = "<script>document.title='owned'</script>\"'&\u{1b}[2J"
    private let gate = PageGuard(key: "k1", port: 8080)

    private func request(
        _ method: String = "GET", _ target: String = "/k1/", host: String? = "127.0.0.1:8080", site: String? = nil
    ) -> HTTPRequest {
        var headers: HTTPHeaders = [:]
        headers["Host"] = host
        headers["Sec-Fetch-Site"] = site
        return HTTPRequest(method: method, target: target, headers: headers)
    }

    @Test("answers requests for this machine's loopback address with the key, and no others")
    func guarded() {
        #expect(gate.verdict(on: request()) == .page)
        #expect(gate.verdict(on: request(host: "LocalHost:8080")) == .page)
        #expect(gate.verdict(on: request(host: "[::1]:8080", site: "none")) == .page)
        #expect(gate.verdict(on: request("GET", "/k1/style.css", site: "same-origin")) == .style)
        func status(_ request: HTTPRequest) -> Int? {
            if case .refused(let status, _) = gate.verdict(on: request) { status } else { nil }
        }
        // DNS rebinding: the browser believes that the page is of another site.
        for host in ["evil.example:8080", "127.0.0.1", "127.0.0.1:81", "127.0.0.1.evil.example:8080", "", nil] {
            #expect(status(request(host: host)) == 421, "\(host ?? "no host")")
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] { #expect(status(request(method)) == 405) }
        for target in ["/", "/k2/", "/k1", "/k1/../k1/", "//k1/", "/k1/other"] {
            #expect(status(request("GET", target)) == 404, "\(target)")
        }
        #expect(status(request(site: "cross-site")) == 403)
    }

    @Test("each answer forbids scripts, frames, forms and what is not from the page itself")
    func headers() {
        let response = PageGuard.response(200, "text/html", "x")
        #expect(response.headers["Content-Security-Policy"]?.hasPrefix("default-src 'none'; style-src 'self';") == true)
        #expect(response.headers["Content-Security-Policy"]?.contains("frame-ancestors 'none'") == true)
        #expect(response.headers["X-Content-Type-Options"] == "nosniff")
        #expect(response.headers["Cache-Control"] == "no-store")
        #expect(response.headers["Access-Control-Allow-Origin"] == nil)
    }

    /// The life of a sandbox that was refused once and then ran.
    private static func history(_ pod: String, failure: String = "") -> SandboxHistoryStatus {
        .with { history in
            history.sandbox = .with {
                ($0.id, $0.podName, $0.podNamespace, $0.state) = ("0a", pod, "shop", "running")
                ($0.size, $0.tee, $0.address, $0.failure) = ("Standard_DC2es_v6", "tdx", "10.0.0.4", failure)
                $0.created = 1_000
            }
            func step(_ step: String, _ time: Int64, _ place: String = "", _ code: String = "") -> HistoryStep {
                .with { ($0.step, $0.time, $0.place, $0.code) = (step, 1_000_000 + time, place, code) }
            }
            history.steps = [
                step("prepared", 0), step("creating", 100), step("trying", 200, "DC2es"),
                step("refused", 3000, "DC2es", "SkuNotAvailable"), step("trying", 3100, "DC4es"),
                step("booting", 9000, "DC4es"),
                step("running", 32_000),
            ]
        }
    }

    private var page: NodePage {
        var page = NodePage()
        page.histories = [
            Self.history("web"), Self.history(Self.evil, failure: "Failed for \(Self.evil). Raise the quota."),
        ]
        page.metrics = """
            # HELP peerpods_azure_requests_total x
            peerpods_azure_requests_total{method="GET",status="2xx"} 17
            peerpods_azure_wait_seconds_bucket{le="1"} 4
            peerpods_vm_start_seconds_count 2
            """
        page.node = "node-1"
        page.now = WallTime(secondsSinceEpoch: 1_100)
        return page
    }

    @Test("shows pods, the phases of their start, failures with their remedy, and the requests to Azure")
    func content() {
        let html = page.html
        #expect(html.contains("<td>shop/web</td>"))
        #expect(html.components(of: "<rect class=\"failed\"") == 2 && html.contains("SkuNotAvailable"))
        #expect(html.contains("Raise the quota."))
        #expect(
            html.contains("requests_total{method=&quot;GET&quot;,status=&quot;2xx&quot;}</td><td class=\"number\">17"))
        #expect(!html.contains("_bucket") && !html.contains("peerpods_vm_start"))
        #expect(!html.contains("http:") && !html.contains("https:"), "nothing is loaded from elsewhere")
    }

    @Test("a pod's hostile name is text: no element, no attribute, no control character")
    func hostile() {
        let html = page.html
        #expect(!html.contains("<script"))
        #expect(
            html.contains("shop/&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;&quot;&#39;&amp;\\u001b[2J"))
        #expect(html.unicodeScalars.allSatisfy { $0.isPrintable || $0 == "\n" })
    }

    /// Serves a page of an adaptor with these sandboxes; `body` gets its address.
    private func serve(
        _ histories: [SandboxHistoryStatus], _ body: @escaping @Sendable (String, EpollLoop) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let socket = directory.path + "/hypervisor.sock"
        let said = CapturedOutput()
        try await onLoop(within: .seconds(120)) { loop in
            let listener = try Listener.listen(on: .unix(path: socket), loop: loop)
            let adaptor = Server(
                Service.services(of: [Sandboxes.history.handled { _, _ in .with { $0.sandboxes = histories } }]),
                on: loop)
            var http = HTTPClient.Options()
            http.environment = [:]
            let client = try HTTPClient(http, on: loop)
            var options = PageOptions()
            (options.socket, options.probePort) = (socket, 1)
            let command = PageCommand(options: options, output: said.output)
            try await alongside([
                { do { try await adaptor.serve(listener) } catch is CancellationError {} },
                { do { try await client.run() } catch is CancellationError {} },
                { do { try await command.serve(on: loop, client, .silent) } catch is CancellationError {} },
            ]) {
                try await eventually(on: loop, "the address") { said.standard.hasSuffix("\n") }
                try await body(String(said.standard.dropLast()), loop)
            }
        }
    }

    @Test("is served on loopback, and says what cannot be read")
    func served() async throws {
        try await serve([Self.history("web")]) { address, loop in
            #expect(address.hasPrefix("http://127.0.0.1:") && address.hasSuffix("/"))
            var http = HTTPClient.Options()
            http.environment = [:]
            let client = try HTTPClient(http, on: loop)
            try await alongside({ do { try await client.run() } catch is CancellationError {} }) {
                let answer = try await client.send(OutgoingRequest("GET", address))
                let html = String(decoding: answer.body, as: UTF8.self)
                #expect(answer.status == 200 && html.contains("shop/web"))
                #expect(html.contains("metrics cannot be read"))
                var rebound = OutgoingRequest("GET", address)
                rebound.headers["Host"] = "evil.example"
                #expect(try await client.send(rebound).status == 421)
                #expect(try await client.send(OutgoingRequest("POST", address, body: [1])).status == 405)
            }
        }
    }

    private static let chromium = "/usr/bin/chromium"

    @Test(
        "a browser runs no script of a pod's name, and draws the bars",
        .enabled(if: Files.isExecutable(Self.chromium), "needs Debian's chromium"))
    func browser() async throws {
        try await serve([Self.history("web"), Self.history(Self.evil)]) { address, loop in
            let profile = try TemporaryDirectory()
            var options = ChildProcess.Options(
                executable: Self.chromium,
                arguments: [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                    "--user-data-dir=\(profile.path)", "--virtual-time-budget=2000", "--dump-dom", address,
                ])
            options.environment = ["HOME": profile.path, "PATH": "/usr/bin:/bin"]
            let run = try await ProgramRun.of(options, on: loop)
            #expect(run.text.contains("<title>Peer pods of "), "\(run.text)\(run.errorText)")
            #expect(!run.text.contains("<title>owned"))
            #expect(!run.text.contains("<script"))
            #expect(run.text.contains("&lt;script&gt;") && run.text.contains("<rect class=\"done\""))
        }
    }
}

extension String {
    fileprivate func components(of part: String) -> Int {
        split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
