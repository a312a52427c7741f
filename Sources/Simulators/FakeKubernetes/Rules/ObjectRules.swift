internal import JSON

/// What a real API server refuses in objects, as far as it concerns the kinds here.
struct ObjectRules {
    let resource: APIResource
    let name: String

    /// - Throws: 422 or 400 with the reason.
    func check(_ object: JSONObject, replacing old: JSONObject? = nil, in namespace: String?) throws(APIStatus) {
        try checkName()
        switch (resource.group, resource.plural) {
        case ("", "nodes"): try checkResources(object)
        case ("", "events"): try checkCoreEvent(object, in: namespace)
        case ("coordination.k8s.io", "leases"): try checkLease(object)
        case ("events.k8s.io", "events"): try checkEvent(object, replacing: old, in: namespace)
        default: break
        }
    }

    /// Removes unknown members of a custom resource, or refuses them.
    func pruned(_ object: JSONObject, isStrict: Bool) throws(APIStatus) -> JSONObject {
        guard resource.plural == "peerpods" else { return object }
        var object = object
        for (part, known) in [("spec", ["cloudProvider", "instanceID"]), ("status", ["cleand"])] {
            guard let members = object[part]?.objectValue else { continue }
            for key in members.keys where !known.contains(key) {
                if isStrict { throw .badRequest("strict decoding error: unknown field \"\(part).\(key)\"") }
            }
            object[part] = .object(
                JSONObject(members.entries.filter { known.contains($0.key) }.map { ($0.key, $0.value) }))
        }
        return object
    }

    private func fail(_ field: String, _ message: String) -> APIStatus {
        .invalid(resource, name, field, message)
    }

    private func checkName() throws(APIStatus) {
        let isValid =
            !name.isEmpty && name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                let isEdge = { (character: Character?) in
                    character.map { $0.isASCII && ($0.isLowercase || $0.isNumber) } == true
                }
                return isEdge(label.first) && isEdge(label.last)
                    && label.allSatisfy { $0 == "-" || $0.isASCII && ($0.isLowercase || $0.isNumber) }
            }
        guard isValid else { throw fail("metadata.name", "Invalid value: \"\(name)\": a lowercase RFC 1123 subdomain") }
    }

    /// Extended resources are whole numbers.
    private func checkResources(_ node: JSONObject) throws(APIStatus) {
        for part in ["capacity", "allocatable"] {
            for (key, value) in node["status"]?[part]?.objectValue?.entries ?? [] where key.contains("/") {
                let text = value.stringValue ?? value.integerValue.map(String.init) ?? ""
                guard let number = Int(text) else { throw fail("status.\(part)[\(key)]", "must be an integer") }
                guard number >= 0 else {
                    throw fail("status.\(part)[\(key)]", "must be greater than or equal to 0")
                }
            }
        }
    }

    private func checkCoreEvent(_ event: JSONObject, in namespace: String?) throws(APIStatus) {
        let place = event.text(at: "involvedObject.namespace")
        guard place == namespace || place.isEmpty && namespace == "default" else {
            throw fail("involvedObject.namespace", "does not match event.namespace")
        }
    }

    private func checkEvent(
        _ event: JSONObject, replacing old: JSONObject?, in namespace: String?
    ) throws(APIStatus) {
        let time = event.text(at: "eventTime")
        guard old != nil || Self.hasSixDecimals(time) else {
            throw .badRequest("Event in version \"v1\" cannot be handled: parsing time \"\(time)\" as six decimals")
        }
        if let old {
            for key in ["note", "reason", "type", "action", "reportingController", "regarding", "eventTime"]
            where event[key] != old[key] {
                throw fail(key, "field is immutable")
            }
            if let count = event["series"]?["count"]?.integerValue, count < 2 {
                throw fail("series.count", "should be at least 2")
            }
            if event["series"] != nil, !Self.hasSixDecimals(event.text(at: "series.lastObservedTime")) {
                throw .badRequest("series.lastObservedTime does not have six decimals")
            }
            return
        }
        for key in ["reportingController", "reportingInstance", "action", "reason"] where event.text(at: key).isEmpty {
            throw fail(key, "Required value")
        }
        guard event.text(at: "reportingController").contains("/") else {
            throw fail("reportingController", "must be a qualified name")
        }
        for (key, limit) in [("reportingInstance", 128), ("action", 128), ("reason", 128), ("note", 1024)]
        where event.text(at: key).utf8.count > limit {
            throw fail(key, "can have at most \(limit) characters")
        }
        guard ["Normal", "Warning"].contains(event.text(at: "type")) else {
            throw fail("type", "has invalid value: \(event.text(at: "type"))")
        }
        let place = event.text(at: "regarding.namespace")
        guard place == namespace || place.isEmpty && namespace == "default" else {
            throw fail("regarding.namespace", "does not match event.namespace")
        }
    }

    private func checkLease(_ lease: JSONObject) throws(APIStatus) {
        guard let spec = lease["spec"]?.objectValue else { return }
        if let seconds = spec["leaseDurationSeconds"]?.integerValue, seconds <= 0 {
            throw fail("spec.leaseDurationSeconds", "must be greater than 0")
        }
        if let transitions = spec["leaseTransitions"]?.integerValue, transitions < 0 {
            throw fail("spec.leaseTransitions", "must be greater than or equal to 0")
        }
        for key in ["acquireTime", "renewTime"] {
            guard let time = spec[key]?.stringValue, !Self.hasSixDecimals(time) else { continue }
            throw .badRequest("Lease in version \"v1\" cannot be handled: parsing time \"\(time)\" as six decimals")
        }
    }

    private static func hasSixDecimals(_ time: String) -> Bool {
        guard let dot = time.lastIndex(of: "."), time.hasSuffix("Z"), time.contains("T") else { return false }
        let decimals = time[time.index(after: dot)...].dropLast()
        return decimals.count == 6 && decimals.allSatisfy(\.isNumber)
    }
}
