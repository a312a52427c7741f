internal import JSON

extension JSONObject {
    /// The members as written.
    init(members: KeyValuePairs<String, JSONValue>) { self.init(members.lazy.map { ($0.key, $0.value) }) }
}
