package import JSON

/// The state of a Lease object of `coordination.k8s.io/v1`: who leads, and since when.
package struct LeaseRecord: Equatable, Sendable {
    /// The identity of the leader; empty after an orderly release.
    package var holder: String
    /// How long other candidates wait after the last change that they have seen, in seconds.
    package var durationSeconds: Int64
    /// When the leader began to lead, by the leader's clock. It is only for people.
    package var acquireTime: String
    /// When the leader renewed the Lease last, by the leader's clock. It shows that the Lease has changed, and is not compared with a clock.
    package var renewTime: String
    /// How often the leader has changed.
    package var transitions: Int64

    /// A state.
    package init(
        holder: String, durationSeconds: Int64, acquireTime: String, renewTime: String, transitions: Int64
    ) {
        self.holder = holder
        self.durationSeconds = durationSeconds
        self.acquireTime = acquireTime
        self.renewTime = renewTime
        self.transitions = transitions
    }

    /// Reads a Lease. Members that are missing have the values of a Lease that has no leader.
    package init(_ object: JSONObject) throws(JSONError) {
        let spec = try object.optionalObject("spec")
        holder = try spec?.optionalString("holderIdentity") ?? ""
        durationSeconds = try spec?.optionalInteger("leaseDurationSeconds") ?? 0
        acquireTime = try spec?.optionalString("acquireTime") ?? ""
        renewTime = try spec?.optionalString("renewTime") ?? ""
        transitions = try spec?.optionalInteger("leaseTransitions") ?? 0
    }

    /// The member `spec` of the object. An empty holder becomes null: the server keeps no empty identity.
    var spec: JSONValue {
        [
            "holderIdentity": holder.isEmpty ? .null : .string(holder),
            "leaseDurationSeconds": .integer(durationSeconds), "acquireTime": .string(acquireTime),
            "renewTime": .string(renewTime), "leaseTransitions": .integer(transitions),
        ]
    }
}
