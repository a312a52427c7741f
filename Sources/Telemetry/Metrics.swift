internal import Encoding
internal import LinuxIO

/// The counters and measurements of a process. Prometheus reads them.
///
/// The code that owns a metric registers it once, under its name. The result is a small value that counts. A label has
/// only a few possible values, such as a phase or an outcome. A pod is never a label.
public final class Metrics: Sendable {
    private let families = Lock<[MetricFamily]>([])

    /// A registry without metrics.
    public init() {}

    /// Makes a counter, which only increases. Its name ends in `_total`.
    public func counter(_ name: String, _ help: String, labels: [String] = []) -> Counter {
        Counter(family: register(name, help, .counter, labels))
    }

    /// Makes a gauge, which increases and decreases.
    public func gauge(_ name: String, _ help: String, labels: [String] = []) -> Gauge {
        Gauge(family: register(name, help, .gauge, labels))
    }

    /// Makes a gauge that is read when the metrics are requested. The metrics leave out a nil value.
    public func gauge(_ name: String, _ help: String, read: @escaping @Sendable () -> Double?) {
        _ = register(name, help, .reading(read), [])
    }

    /// Makes a histogram: the number of values below each of `buckets`, the sum and the count.
    public func histogram(
        _ name: String, _ help: String, buckets: [Double] = Histogram.seconds, labels: [String] = []
    ) -> Histogram {
        precondition(buckets == buckets.sorted(), "the buckets of \(name) do not grow")
        return Histogram(family: register(name, help, .histogram(buckets), labels))
    }

    /// All metrics in the text format of Prometheus (version 0.0.4), in the order of registration.
    public func render() -> String {
        var text = ""
        for family in families.withLock({ $0 }) { family.render(into: &text) }
        return text
    }

    private func register(
        _ name: String, _ help: String, _ kind: MetricFamily.Kind, _ labels: [String]
    ) -> MetricFamily {
        precondition(
            ([name] + labels).allSatisfy { Identifier.isValid($0) }, "\(name) or one of its labels is not a valid name")
        return families.withLock { families in
            if let known = families.first(where: { $0.name == name }) {
                precondition(known.labels == labels && known.kind.word == kind.word, "\(name) is registered otherwise")
                return known
            }
            let family = MetricFamily(name: name, help: help, kind: kind, labels: labels)
            families.append(family)
            return family
        }
    }
}

/// A count that only increases.
public struct Counter: Sendable {
    fileprivate let family: MetricFamily

    /// Adds to the count of these label values. They are in the order of the labels.
    public func increment(_ labels: String..., by amount: Double = 1) {
        precondition(amount >= 0, "a counter only grows")
        family.change(labels) { $0.value += amount }
    }
}

/// A value that increases and decreases.
public struct Gauge: Sendable {
    fileprivate let family: MetricFamily

    /// Sets the value of these label values.
    public func set(_ value: Double, _ labels: String...) { family.change(labels) { $0.value = value } }

    /// Adds to the value of these label values. A negative amount decreases the value.
    public func add(_ amount: Double, _ labels: String...) { family.change(labels) { $0.value += amount } }
}

/// The distribution of a measurement.
public struct Histogram: Sendable {
    /// Bounds for durations in seconds, from a millisecond to ten minutes.
    public static let seconds: [Double] = [
        0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600,
    ]

    fileprivate let family: MetricFamily

    /// Counts a value.
    public func observe(_ value: Double, _ labels: String...) { observe(value, labels) }

    /// Counts a duration, in seconds.
    public func observe(_ duration: Duration, _ labels: String...) {
        observe(duration / .seconds(1), labels)
    }

    private func observe(_ value: Double, _ labels: [String]) {
        guard case .histogram(let bounds) = family.kind else { return }
        family.change(labels) { sample in
            sample.value += value
            sample.count += 1
            if let bucket = bounds.firstIndex(where: { value <= $0 }) { sample.buckets[bucket] += 1 }
        }
    }
}
