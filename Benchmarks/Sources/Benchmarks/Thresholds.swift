import JSON
import LinuxIO

/// The values that figures had when they were last accepted, for one toolchain, and how far they may move.
///
/// Only figures that another machine of the same kind reproduces are in such a file: ratios, counts and memory.
struct Thresholds {
    /// What one figure is expected to be.
    struct Expectation {
        let group: String
        let name: String
        let unit: String
        let value: Double
        /// The share of `value` by which the figure may move in either direction.
        let tolerance: Double
        let isHigherBetter: Bool
    }

    /// A figure beyond its tolerance.
    struct Move: CustomStringConvertible {
        let expectation: Expectation
        let value: Double

        var isWorse: Bool { (value < expectation.value) == expectation.isHigherBetter }

        var description: String {
            let change = (value / expectation.value - 1) * 100
            return "\(isWorse ? "worse" : "better"): \(expectation.group): \(expectation.name): "
                + "\(plain(value)) \(expectation.unit), expected \(plain(expectation.value)) \(expectation.unit) "
                + "(\(change < 0 ? "-" : "+")\(plain(abs(change))) %, tolerance \(plain(expectation.tolerance * 100)) %)"
        }
    }

    /// What a comparison found.
    struct Comparison {
        var moves: [Move] = []
        var withinTolerance = 0
        /// Figures that the file names in a group that was measured, and that were not measured.
        var missing: [Expectation] = []

        var isGood: Bool { missing.isEmpty && !moves.contains(where: \.isWorse) }
    }

    let path: String
    let expectations: [Expectation]

    init(path: String) throws {
        self.path = path
        do {
            expectations = try Self.read(JSONNode(JSONValue(parsing: DurableFile.read(path, limit: 1 << 20))))
        } catch {
            throw Failure("the thresholds in \(path) cannot be read: \(error)")
        }
    }

    private static func read(_ json: JSONNode) throws -> [Expectation] {
        let tolerance = try json.number("tolerance")
        return try json.objects("figures").map { figure in
            let better = try figure.string("better")
            guard better == "higher" || better == "lower" else {
                throw Failure("\(figure.path).better is '\(better)', not 'higher' or 'lower'")
            }
            return Expectation(
                group: try figure.string("group"), name: try figure.string("name"), unit: try figure.string("unit"),
                value: try figure.number("value"), tolerance: try figure.optionalNumber("tolerance") ?? tolerance,
                isHigherBetter: better == "higher")
        }
    }

    func compare(_ figures: [Figure]) -> Comparison {
        var comparison = Comparison()
        let groups = Set(figures.map(\.group))
        for expectation in expectations where groups.contains(expectation.group) {
            guard let figure = figures.first(where: { $0.group == expectation.group && $0.name == expectation.name })
            else {
                comparison.missing.append(expectation)
                continue
            }
            // A figure whose expected value is zero may not move at all.
            if abs(figure.value - expectation.value) <= abs(expectation.value) * expectation.tolerance {
                comparison.withinTolerance += 1
            } else {
                comparison.moves.append(Move(expectation: expectation, value: figure.value))
            }
        }
        return comparison
    }

    /// What the comparison found, as lines for a person.
    func report(_ comparison: Comparison) -> String {
        var text =
            "\nCompared with \(path): within their tolerance \(comparison.withinTolerance), "
            + "moved \(comparison.moves.count).\n"
        // What got worse comes first.
        for move in comparison.moves.filter(\.isWorse) + comparison.moves.filter({ !$0.isWorse }) {
            text += "  \(move)\n"
        }
        for expectation in comparison.missing {
            text += "  not measured: \(expectation.group): \(expectation.name)\n"
        }
        return text
    }
}
