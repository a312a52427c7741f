import Telemetry
import Testing

@Suite("Metrics")
struct MetricsTests {
    @Test("renders counters and gauges in the text format of Prometheus")
    func countersAndGauges() {
        let metrics = Metrics()
        let starts = metrics.counter("starts_total", "Pods started.", labels: ["outcome"])
        let pods = metrics.gauge("pods", "Pods here.\nNow \\ then.")
        metrics.gauge("temperature", "Read late.") { 0.5 }
        metrics.gauge("nothing", "Cannot be read.") { nil }
        starts.increment("ok")
        starts.increment("ok", by: 2)
        starts.increment("a \"bad\\\none")
        pods.set(4)
        pods.add(-1)
        #expect(
            metrics.render() == """
                # HELP starts_total Pods started.
                # TYPE starts_total counter
                starts_total{outcome="a \\"bad\\\\\\none"} 1
                starts_total{outcome="ok"} 3
                # HELP pods Pods here.\\nNow \\\\ then.
                # TYPE pods gauge
                pods 3
                # HELP temperature Read late.
                # TYPE temperature gauge
                temperature 0.5
                # HELP nothing Cannot be read.
                # TYPE nothing gauge

                """)
    }

    @Test("a histogram counts each measurement in all buckets with a larger bound, and in +Inf")
    func histogram() {
        let metrics = Metrics()
        let delays = metrics.histogram("delay_seconds", "Delays.", buckets: [0.1, 1], labels: ["phase"])
        delays.observe(0.1, "boot")
        delays.observe(.milliseconds(500), "boot")
        delays.observe(7, "boot")
        #expect(
            metrics.render() == """
                # HELP delay_seconds Delays.
                # TYPE delay_seconds histogram
                delay_seconds_bucket{phase="boot",le="0.1"} 1
                delay_seconds_bucket{phase="boot",le="1"} 2
                delay_seconds_bucket{phase="boot",le="+Inf"} 3
                delay_seconds_sum{phase="boot"} 7.6
                delay_seconds_count{phase="boot"} 3

                """)
    }

    @Test("without labels there is a sample from the start")
    func zero() {
        let metrics = Metrics()
        _ = metrics.counter("lost_total", "Lost.")
        #expect(metrics.render().hasSuffix("\nlost_total 0\n"))
    }

    @Test("registering the same metric again gives the same one")
    func twice() {
        let metrics = Metrics()
        metrics.counter("seen_total", "Seen.").increment()
        metrics.counter("seen_total", "Seen.").increment()
        #expect(metrics.render().hasSuffix("\nseen_total 2\n"))
    }

    @Test("counts from many tasks at once without losing any")
    func concurrent() async {
        let metrics = Metrics()
        let count = metrics.counter("calls_total", "Calls.", labels: ["method"])
        await withTaskGroup { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<500 { count.increment("Check") } } }
        }
        #expect(metrics.render().hasSuffix("calls_total{method=\"Check\"} 4000\n"))
    }
}
