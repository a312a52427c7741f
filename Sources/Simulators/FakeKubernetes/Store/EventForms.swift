internal import JSON

/// The two forms of an event: of the core API, in which the store has it, and of events.k8s.io.
enum EventForms {
    private static let names = [
        ("regarding", "involvedObject"), ("note", "message"), ("reportingController", "reportingComponent"),
        ("deprecatedCount", "count"), ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"), ("deprecatedSource", "source"),
    ]

    /// The form of the store.
    static func stored(_ event: JSONObject) -> JSONObject { renamed(event, Dictionary(uniqueKeysWithValues: names)) }

    /// The form of events.k8s.io.
    static func newer(_ event: JSONObject) -> JSONObject {
        var event = renamed(event, Dictionary(uniqueKeysWithValues: names.map { ($1, $0) }))
        event["apiVersion"] = "events.k8s.io/v1"
        return event
    }

    private static func renamed(_ event: JSONObject, _ names: [String: String]) -> JSONObject {
        JSONObject(event.entries.map { (names[$0.key] ?? $0.key, $0.value) })
    }
}
