internal import HTTPTransport
internal import JSON
internal import Telemetry

/// The form in which kubectl asks for objects that it prints: a table whose cells are texts of the server.
struct TableForm {
    let resource: APIResource
    let now: WallTime

    /// Whether a client prefers a table.
    static func isWanted(by request: HTTPRequest) -> Bool {
        request.headers["Accept"]?.split(separator: ",").first?.contains("as=Table") == true
    }

    /// The table of these objects.
    func table(of objects: [JSONObject], metadata: JSONObject) -> JSONValue {
        [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": .object(metadata),
            "columnDefinitions": .array(
                columns.map { name in
                    [
                        "name": .string(name), "type": "string", "format": name == "Name" ? "name" : "",
                        "description": "",
                        "priority": 0,
                    ]
                }),
            "rows": .array(
                objects.map { object in
                    let stub: JSONValue = [
                        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                        "metadata": .object(object.metadata),
                    ]
                    return ["cells": .array(cells(object).map(JSONValue.string)), "object": stub]
                }),
        ]
    }

    private var columns: [String] {
        switch resource.plural {
        case "pods": ["Name", "Ready", "Status", "Restarts", "Age"]
        case "nodes": ["Name", "Status", "Roles", "Age", "Version"]
        case "namespaces": ["Name", "Status", "Age"]
        case "events": ["Last Seen", "Type", "Reason", "Object", "Message"]
        default: ["Name", "Age"]
        }
    }

    private func cells(_ object: JSONObject) -> [String] {
        let name = object.text(at: "metadata.name"), age = age(object.text(at: "metadata.creationTimestamp"))
        switch resource.plural {
        case "pods":
            let containers = object["spec"]?["containers"]?.arrayValue?.count ?? 0
            let statuses = object["status"]?["containerStatuses"]?.arrayValue ?? []
            let ready = statuses.count { $0["ready"]?.boolValue == true }
            let restarts = statuses.reduce(0) { $0 + ($1["restartCount"]?.integerValue ?? 0) }
            let phase = object.isDeleting ? "Terminating" : object.text(at: "status.phase")
            return [name, "\(ready)/\(containers)", phase, "\(restarts)", age]
        case "nodes":
            let conditions = object["status"]?["conditions"]?.arrayValue ?? []
            let isReady = conditions.contains { $0["type"] == "Ready" && $0["status"] == "True" }
            let version = object.text(at: "status.nodeInfo.kubeletVersion")
            return [name, isReady ? "Ready" : "NotReady", "<none>", age, version]
        case "namespaces": return [name, object.text(at: "status.phase"), age]
        case "events": return event(object)
        default: return [name, age]
        }
    }

    private func event(_ object: JSONObject) -> [String] {
        func first(_ paths: String...) -> String { paths.lazy.map(object.text).first { !$0.isEmpty } ?? "" }
        let seen = first(
            "series.lastObservedTime", "lastTimestamp", "deprecatedLastTimestamp", "eventTime",
            "metadata.creationTimestamp")
        let kind = first("regarding.kind", "involvedObject.kind").lowercased()
        return [
            age(seen), object.text(at: "type"), object.text(at: "reason"),
            kind + "/" + first("regarding.name", "involvedObject.name"), first("note", "message"),
        ]
    }

    /// How long ago a time was, in the words of kubectl.
    private func age(_ time: String) -> String {
        guard let then = Self.seconds(time) else { return "<unknown>" }
        let seconds = max(0, now.secondsSinceEpoch - then)
        return switch seconds {
        case ..<120: "\(seconds)s"
        case ..<7200: "\(seconds / 60)m"
        case ..<172_800: "\(seconds / 3600)h"
        default: "\(seconds / 86_400)d"
        }
    }

    /// The seconds since 1970 of a time in RFC 3339, in UTC and without its fraction.
    private static func seconds(_ text: String) -> Int64? {
        let parts = text.split { !$0.isNumber }.prefix(6).compactMap { Int64($0) }
        guard parts.count == 6 else { return nil }
        // Days of the proleptic Gregorian calendar, with years that begin in March.
        let year = parts[1] <= 2 ? parts[0] - 1 : parts[0]
        let dayOfYear = (153 * (parts[1] + (parts[1] > 2 ? -3 : 9)) + 2) / 5 + parts[2] - 1
        let days = year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
        return days * 86_400 + parts[3] * 3600 + parts[4] * 60 + parts[5]
    }
}
