internal import Telemetry

extension Secret<String> {
    /// Whether `text` is the secret; the time does not depend on the position of the first difference.
    func matches(_ text: String) -> Bool {
        let (own, other) = (Array(reveal().utf8), Array(text.utf8))
        guard own.count == other.count else { return false }
        return zip(own, other).reduce(into: UInt8(0)) { $0 |= $1.0 ^ $1.1 } == 0
    }
}
