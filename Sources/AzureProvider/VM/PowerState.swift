internal import JSON

/// Whether a VM is switched on, as its instance view says: the status `PowerState/running` and the like.
enum PowerState: Equatable, Sendable {
    /// Running, or about to: `starting`, `running`, and whatever else Azure may say.
    case on
    /// On its way to `stopped`.
    case stopping
    /// Switched off, by its guest or by an operator; its place at Azure is kept.
    case stopped
    /// Without a place at Azure, or about to lose it: an operator, a policy or an eviction did that.
    case deallocated

    /// Nil if none of an instance view's statuses tells.
    init?(_ statuses: [JSONNode]) throws(JSONError) {
        for status in statuses {
            let parts = try status.optionalString("code")?.lowercased().split(separator: "/") ?? []
            guard parts.count == 2, parts[0] == "powerstate" else { continue }
            self =
                switch parts[1] {
                case "stopping": .stopping
                case "stopped": .stopped
                case "deallocating", "deallocated": .deallocated
                default: .on
                }
            return
        }
        return nil
    }
}
