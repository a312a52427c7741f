/// Why the forwarder does not start.
struct ForwarderError: Error, Equatable, CustomStringConvertible {
    /// What failed, as a clause.
    let reason: String
    /// The next step, as a clause.
    let advice: String

    init(_ reason: String, advice: String) {
        self.reason = reason
        self.advice = advice
    }

    var description: String { "\(reason); \(advice)" }
}
