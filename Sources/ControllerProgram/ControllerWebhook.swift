internal import Controller
internal import HTTPTransport
internal import JSON
internal import Kubernetes
internal import LinuxIO
internal import TLS
internal import Telemetry

/// The controller's webhook: each replica serves it with the certificate of the shared Secret.
final class ControllerWebhook: Sendable {
    /// The path of upstream's webhook.
    static let path = "/mutate-v1-pod"

    private let settings: WebhookSettings
    private let address: SocketAddress
    private let keeper: CertificateKeeper
    private let loop: EpollLoop
    private let logger: Logger
    private let reviews: Counter
    private let isServing = Lock(false)

    init(
        _ settings: WebhookSettings, keeper: CertificateKeeper, on loop: EpollLoop, logger: Logger, metrics: Metrics
    ) throws(AddressError) {
        self.settings = settings
        address = try SocketAddress(parsing: settings.listen)
        self.keeper = keeper
        self.loop = loop
        self.logger = logger
        reviews = metrics.counter(
            "peerpods_webhook_reviews_total",
            "Reviews of pods by the webhook: changed, unchanged, refused, or malformed.", labels: ["outcome"])
    }

    /// Why the webhook does not serve, as a sentence without a period; nil if it does.
    var obstacle: String? {
        isServing.withLock { $0 } ? nil : "the webhook has no certificate yet; the leader writes it to its Secret"
    }

    /// Keeps the certificates up to date while this replica leads.
    func keepCertificates(while mayAct: @Sendable () -> Bool) async { await keeper.keep(while: mayAct) }

    /// Serves until cancelled. A new certificate gets a new server, which listens before the former one ends.
    func run() async throws {
        let pool = TaskPool()
        let current = Lock<TaskPool.Child?>(nil)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            group.addTask {
                await self.keeper.follow { certificate in
                    guard let child = self.serve(certificate, in: pool) else { return }
                    let former = current.withLock { current in
                        defer { current = child }
                        return current
                    }
                    former?.cancel()
                }
            }
            await group.waitForAll()
        }
    }

    private func serve(_ certificate: ServingCertificate, in pool: TaskPool) -> TaskPool.Child? {
        do {
            var limits = HTTPServer.Limits()
            limits.bodyBytes = AdmissionReview.sizeLimit
            // The API server closes an idle connection after 90 s. If the webhook closed it first, a review could meet its end.
            limits.idleTimeout = .seconds(120)
            let server = try HTTPServer(
                on: try Listener.listen(on: address, loop: loop, sharesPort: true), loop: loop, limits: limits,
                tls: .init(certificate: certificate.server.certificate, key: certificate.server.key), logger: logger,
                handler: { self.answer($0) })
            logger.info("Serving the webhook", [LogField("address", server.address)])
            isServing.withLock { $0 = true }
            return pool.start {
                do {
                    try await server.run()
                } catch {
                    if Task.isCancelled || error is CancellationError { return }
                    self.isServing.withLock { $0 = false }
                    self.logger.error("The webhook's server has ended", [LogField("error", error)])
                }
            }
        } catch {
            logger.error("The webhook cannot serve its certificate", [LogField("error", error)])
            return nil
        }
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard request.path == Self.path else { return .text("not found: there is \(Self.path)\n", status: 404) }
        guard request.method == "POST" else {
            var refusal = HTTPResponse.text("method not allowed: use POST\n", status: 405)
            refusal.headers["Allow"] = "POST"
            return refusal
        }
        let type = (request.headers["Content-Type"] ?? "").prefix { $0 != ";" }.lowercased()
        guard type == "application/json" else { return .text("expected application/json\n", status: 415) }
        do throws(AdmissionReview.Malformed) {
            let review = try AdmissionReview(request.body)
            let outcome = outcome(of: review)
            switch outcome {
            case .success(let operations): reviews.increment(operations.isEmpty ? "unchanged" : "changed")
            case .failure(let refusal):
                reviews.increment("refused")
                logger.info("The webhook refuses a pod", [LogField("reason", refusal)])
            }
            return HTTPResponse(
                status: 200, headers: ["Content-Type": "application/json"], body: review.answer(outcome).encoded())
        } catch {
            reviews.increment("malformed")
            return .text("the body is not an AdmissionReview: \(error)\n", status: 400)
        }
    }

    private func outcome(of review: AdmissionReview) -> Result<[JSONValue], PodMutation.Refusal> {
        guard review.isPodCreation, let pod = review.object else { return .success([]) }
        var mutation = PodMutation()
        mutation.runtimeClass = settings.runtimeClass
        mutation.extendedResource = settings.extendedResource
        do throws(PodMutation.Refusal) {
            return .success(try mutation.operations(for: pod))
        } catch {
            return .failure(error)
        }
    }
}

extension ControllerDaemon {
    /// The webhook; nil if it is switched off.
    func makeWebhook(_ parts: Parts, on loop: EpollLoop) throws -> ControllerWebhook? {
        let settings = configuration.webhook
        guard settings.isEnabled else { return nil }
        let keeper = CertificateKeeper(
            parts.client, secret: settings.secret, in: parts.own.namespace, configuration: settings.configuration,
            plan: ServingCertificatePlan(service: settings.service, namespace: parts.own.namespace), clock: parts.clock,
            logger: logger)
        return try ControllerWebhook(settings, keeper: keeper, on: loop, logger: logger, metrics: parts.metrics)
    }
}
