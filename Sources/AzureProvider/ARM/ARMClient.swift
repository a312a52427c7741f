internal import Encoding
package import HTTPTransport
internal import JSON
internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Calls Azure Resource Manager, for all pods of this node.
///
/// Each call waits for the node's share of ARM's rate limit, carries a token and an id, and is retried where that is
/// safe. It ends with an answer of 2xx, or an error that has ARM's message and ids. All of it happens in the caller's
/// task: after a call has returned, it sends nothing.
package final class ARMClient: Sendable {
    /// The subscription, resource group and region of all calls.
    package let account: AzureAccount
    let sender: any HTTPSender
    /// The source of the token that each call carries.
    package let credential: TokenSource
    let clock: any LifecycleClock
    let logger: Logger
    let metrics: ARMMetrics
    let throttle: ARMThrottle
    let limits = ARMLimits()

    /// A client that sends with `sender` and takes its tokens from `credential`; `metrics` gets the number of calls and
    /// retries.
    package init(
        _ account: AzureAccount, sender: any HTTPSender, credential: TokenSource, clock: any LifecycleClock,
        logger: Logger, metrics: Metrics
    ) {
        self.account = account
        self.sender = sender
        self.credential = credential
        self.clock = clock
        self.logger = logger
        self.metrics = ARMMetrics(metrics)
        throttle = ARMThrottle(clock: clock)
    }

    /// Sends the request until there is an answer of 2xx, or a failure that another try does not change.
    package func send(_ request: ARMRequest) async throws(ARMError) -> ARMAnswer {
        try await send(ARMCall(request, at: account.endpoint, id: UUID4.random()))
    }
}

/// Limits for a call whose server does not end its answer.
struct ARMLimits: Sendable {
    /// The most bytes of an answer; a region's list of sizes has a few million.
    var answer = 16 << 20
    /// The deepest nesting of an answer's JSON.
    var depth = 64
    /// The most pages of one list.
    var pages = 500
    var elements = 200_000
    /// The longest total wait of one call because of ARM's status 429.
    var patience = Duration.seconds(600)
    /// The longest time that an operation is watched.
    var operation = Duration.seconds(1800)
}

/// The metrics of the ARM client.
struct ARMMetrics: Sendable {
    /// The requests, by method and by status class: `2xx`, `429`, `none` and so on.
    let requests: Counter
    let throttled: Counter
    /// How full Azure's bucket was, by class, as the latest answer reported.
    let bucket: Gauge
    let latency: Histogram
    let waiting: Histogram

    init(_ metrics: Metrics) {
        requests = metrics.counter(
            "peerpods_azure_requests_total", "Requests to Azure Resource Manager, by method and status.",
            labels: ["method", "status"])
        throttled = metrics.counter(
            "peerpods_azure_throttled_total", "Answers of Azure Resource Manager that said: too many requests (429).",
            labels: ["class"])
        bucket = metrics.gauge(
            "peerpods_azure_bucket_fill_ratio",
            "How full Azure's bucket for the subscription's calls is, by its latest answer; 0 after a refusal (429).",
            labels: ["class"])
        latency = metrics.histogram(
            "peerpods_azure_request_seconds", "How long Azure Resource Manager took to answer.", labels: ["method"])
        waiting = metrics.histogram(
            "peerpods_azure_wait_seconds",
            "How long calls waited before they were sent, so as not to be refused.", labels: ["class"])
    }

    /// `nil`: no answer.
    static func statusClass(_ status: Int?) -> String {
        guard let status else { return "none" }
        return status == 429 ? "429" : (200..<600).contains(status) ? "\(status / 100)xx" : "other"
    }
}
