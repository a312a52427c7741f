internal import LinuxIO

/// All samples of one metric.
///
/// The lock guards only the samples. It is held at most for a dictionary look-up.
final class MetricFamily: Sendable {
    enum Kind: Sendable {
        case counter
        case gauge
        case reading(@Sendable () -> Double?)
        case histogram([Double])

        /// The name of the kind in Prometheus.
        var word: String {
            switch self {
            case .counter: "counter"
            case .gauge, .reading: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    struct Sample: Sendable {
        /// The count or the gauge. For a histogram it is the sum.
        var value = 0.0
        var count: UInt64 = 0
        /// The number of observations in each single bucket. The rendered output has cumulative numbers.
        var buckets: [UInt64]
    }

    let name: String
    let help: String
    let kind: Kind
    let labels: [String]
    private let samples: Lock<[[String]: Sample]>
    private let emptySample: Sample

    init(name: String, help: String, kind: Kind, labels: [String]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        var bucketCount = 0
        if case .histogram(let bounds) = kind { bucketCount = bounds.count }
        let empty = Sample(buckets: Array(repeating: 0, count: bucketCount))
        emptySample = empty
        // Without labels there is one sample. It exists from the start, because a count of 0 is a valid value.
        samples = Lock(labels.isEmpty ? [[]: empty] : [:])
    }

    func change(_ values: [String], _ body: (inout Sample) -> Void) {
        precondition(values.count == labels.count, "\(name) has the labels \(labels)")
        samples.withLock { body(&$0[values, default: emptySample]) }
    }

    func render(into text: inout String) {
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.word)\n"
        if case .reading(let read) = kind {
            if let value = read() { text += "\(name) \(Self.number(value))\n" }
            return
        }
        let sorted = samples.withLock { $0 }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (values, sample) in sorted {
            if case .histogram(let bounds) = kind {
                render(sample, bounds, values, into: &text)
            } else {
                text += "\(name)\(labelSet(values)) \(Self.number(sample.value))\n"
            }
        }
    }

    private func render(_ sample: Sample, _ bounds: [Double], _ values: [String], into text: inout String) {
        var below: UInt64 = 0
        for (bound, count) in zip(bounds, sample.buckets) {
            below += count
            text += "\(name)_bucket\(labelSet(values, bound: Self.number(bound))) \(below)\n"
        }
        text += "\(name)_bucket\(labelSet(values, bound: "+Inf")) \(sample.count)\n"
        text += "\(name)_sum\(labelSet(values)) \(Self.number(sample.value))\n"
        text += "\(name)_count\(labelSet(values)) \(sample.count)\n"
    }

    private func labelSet(_ values: [String], bound: String? = nil) -> String {
        var pairs = zip(labels, values).map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }
        if let bound { pairs.append("le=\"\(bound)\"") }
        return pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return "\(value)"
    }
}
