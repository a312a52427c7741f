/// Calls that Azure counts together.
///
/// ARM itself counts reads, writes and deletions, a subscription and principal each; the compute provider counts lists apart
/// from reads of one thing, and allows far fewer of them.
package enum CallClass: String, CaseIterable, Hashable, Sendable {
    case reads
    case lists
    case writes
    case deletions

    init(method: String, isList: Bool) {
        switch method {
        case "GET", "HEAD": self = isList ? .lists : .reads
        case "DELETE": self = .deletions
        default: self = .writes
        }
    }
}
