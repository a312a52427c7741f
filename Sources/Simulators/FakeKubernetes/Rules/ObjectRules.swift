internal import Encoding
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
        case ("events.k8s.io", "events"): try checkEvent(object, replacing: old, in: namespace)
        case ("", "secrets"): try checkSecret(object, replacing: old)
        case ("", "configmaps"): try checkTexts(object, "data")
        case ("coordination.k8s.io", "leases"): try checkLease(object)
        case ("admissionregistration.k8s.io", _): try checkWebhooks(object)
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

    private func checkTexts(_ object: JSONObject, _ member: String) throws(APIStatus) {
        for (key, value) in object[member]?.objectValue?.entries ?? [] where value.stringValue == nil {
            throw .badRequest(
                "\(resource.kind) in version \"v1\" cannot be handled as a \(resource.kind): \(member).\(key) is not a "
                    + "string")
        }
    }

    private func checkSecret(_ secret: JSONObject, replacing old: JSONObject?) throws(APIStatus) {
        try checkTexts(secret, "data")
        for (key, value) in secret["data"]?.objectValue?.entries ?? [] {
            guard Base64.decode((value.stringValue ?? "").utf8) != nil else {
                throw .badRequest(
                    "Secret in version \"v1\" cannot be handled as a Secret: data.\(key): illegal base64 data")
            }
        }
        let type = secret.text(at: "type")
        if let old, old.text(at: "type") != (type.isEmpty ? "Opaque" : type) {
            throw fail("type", "field is immutable")
        }
    }

    private func checkLease(_ lease: JSONObject) throws(APIStatus) {
        for key in ["acquireTime", "renewTime"] {
            let time = lease.text(at: "spec.\(key)")
            guard time.isEmpty || Self.hasSixDecimals(time) else {
                throw .badRequest(
                    "Lease in version \"v1\" cannot be handled as a Lease: parsing time \"\(time)\" as six decimals")
            }
        }
        if let seconds = lease["spec"]?["leaseDurationSeconds"]?.integerValue, seconds <= 0 {
            throw fail("spec.leaseDurationSeconds", "must be greater than 0")
        }
        if let transitions = lease["spec"]?["leaseTransitions"]?.integerValue, transitions < 0 {
            throw fail("spec.leaseTransitions", "must be greater than or equal to 0")
        }
    }

    private func checkWebhooks(_ configuration: JSONObject) throws(APIStatus) {
        for (index, webhook) in (configuration["webhooks"]?.arrayValue ?? []).enumerated() {
            let place = "webhooks[\(index)]"
            guard (webhook["name"]?.stringValue ?? "").split(separator: ".").count >= 3 else {
                throw fail("\(place).name", "should be a domain with at least three segments separated by dots")
            }
            guard ["None", "NoneOnDryRun"].contains(webhook["sideEffects"]?.stringValue ?? "") else {
                throw fail("\(place).sideEffects", "must be one of None, NoneOnDryRun")
            }
            guard webhook["admissionReviewVersions"]?.arrayValue?.contains("v1") == true else {
                throw fail("\(place).admissionReviewVersions", "must include at least one of v1, v1beta1")
            }
            let client = webhook["clientConfig"]
            guard (client?["url"] == nil) != (client?["service"] == nil) else {
                throw fail("\(place).clientConfig", "exactly one of url or service is required")
            }
            if let bundle = client?["caBundle"]?.stringValue, Base64.decode(bundle.utf8) == nil {
                throw .badRequest("\(place).clientConfig.caBundle: illegal base64 data")
            }
        }
    }

    /// Whether a time is what Go's `MicroTime` reads: RFC 3339 with six decimals.
    private static func hasSixDecimals(_ time: String) -> Bool {
        guard let dot = time.lastIndex(of: "."), time.contains("T") else { return false }
        let decimals = time[time.index(after: dot)...].prefix(while: \.isNumber)
        let zone = time[decimals.endIndex...]
        return decimals.utf8.count == 6 && (zone == "Z" || zone.count == 6 && "+-".contains(zone.first ?? " "))
    }
}
