internal import Telemetry

/// What the ARM client counts.
struct ARMMetrics: Sendable {
    /// By method and `2xx`, `429`, `none` and so on.
    let requests: Counter
    let throttled: Counter
    let latency: Histogram
    let waiting: Histogram

    init(_ metrics: Metrics) {
        requests = metrics.counter(
            "peerpods_azure_requests_total", "Requests to Azure Resource Manager, by method and status.",
            labels: ["method", "status"])
        throttled = metrics.counter(
            "peerpods_azure_throttled_total", "Answers of Azure Resource Manager that said: too many requests (429).",
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
