internal import HTTPTransport
internal import JSON
internal import Telemetry

/// The objects, their versions, and the changes that a watch can still read.
struct ObjectStore {
    /// One change, as a watch shows it.
    struct Change {
        let version: Int64
        let type: String
        let key: ObjectKey
        let object: JSONObject
        /// The object before the change, by which a selection decides.
        let old: JSONObject?
    }

    private(set) var objects: [ObjectKey: JSONObject] = [:]
    private(set) var changes: [Change] = []
    private(set) var version: Int64 = 1000
    /// Watches and continued lists from an earlier version get 410.
    private(set) var oldestVersion: Int64 = 1000
    private var nextUID = 1

    /// Forgets the changes until now, as a compaction of etcd does.
    mutating func compact() {
        changes = []
        version += 1
        oldestVersion = version
    }

    func list(_ resource: APIResource, in namespace: String?) -> [(ObjectKey, JSONObject)] {
        objects.filter { $0.key.isOf(resource, in: namespace) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Adds an object, completed with what the server adds.
    mutating func create(_ object: JSONObject, at key: ObjectKey, now: String) -> JSONObject {
        var object = object
        object.metadata["name"] = .string(key.name)
        if !key.namespace.isEmpty { object.metadata["namespace"] = .string(key.namespace) }
        object.metadata["uid"] = .string(uid())
        object.metadata["creationTimestamp"] = .string(now)
        object.metadata["deletionTimestamp"] = nil
        let made = write(object, at: key, "ADDED")
        // The garbage collector: an object none of whose owners exists is deleted.
        let owners = (made.metadata["ownerReferences"]?.arrayValue ?? []).compactMap { $0["uid"]?.stringValue }
        let uids = owners.isEmpty ? [] : objects.values.map { $0.text(at: "metadata.uid") }
        if !owners.isEmpty, !owners.contains(where: uids.contains) { _ = delete(key, now: now) }
        return made
    }

    /// Replaces an object. An object that is being deleted is removed with its last finalizer.
    mutating func update(_ object: JSONObject, at key: ObjectKey, now: String) -> JSONObject {
        guard let old = objects[key] else { return object }
        var object = object
        for member in ["uid", "creationTimestamp", "deletionTimestamp", "name", "namespace"] {
            object.metadata[member] = old.metadata[member]
        }
        object.metadata["resourceVersion"] = old.metadata["resourceVersion"]
        if object.finalizers.isEmpty { object.metadata["finalizers"] = nil }
        if object == old { return old }
        if object.isDeleting, object.finalizers.isEmpty { return remove(object, at: key, now: now) }
        return write(object, at: key, "MODIFIED")
    }

    /// Deletes an object, or marks it as long as it has finalizers. Returns its last state.
    mutating func delete(_ key: ObjectKey, now: String) -> JSONObject {
        guard var object = objects[key] else { return JSONObject() }
        if object.finalizers.isEmpty { return remove(object, at: key, now: now) }
        if object.isDeleting { return object }
        object.metadata["deletionTimestamp"] = .string(now)
        return write(object, at: key, "MODIFIED")
    }

    private mutating func remove(_ object: JSONObject, at key: ObjectKey, now: String) -> JSONObject {
        let last = write(object, at: key, "DELETED")
        objects[key] = nil
        // The garbage collector: objects whose owner no longer exists are deleted.
        let uid = object.metadata["uid"]
        let dependents = objects.filter { entry in
            entry.value.metadata["ownerReferences"]?.arrayValue?.contains { $0["uid"] == uid } == true
        }
        for dependent in dependents.keys.sorted() { _ = delete(dependent, now: now) }
        if key.plural == "namespaces" {
            for inner in objects.keys.filter({ $0.namespace == key.name }).sorted() { _ = delete(inner, now: now) }
        }
        return last
    }

    private mutating func write(_ object: JSONObject, at key: ObjectKey, _ type: String) -> JSONObject {
        version += 1
        var object = object
        object.metadata["resourceVersion"] = .string(String(version))
        let old = objects[key]
        objects[key] = object
        changes.append(Change(version: version, type: type, key: key, object: object, old: old))
        if changes.count > 10_000 {
            oldestVersion = changes[4999].version
            changes.removeFirst(5000)
        }
        return object
    }

    /// The UIDs are the same in each run, so a test's output is too.
    private mutating func uid() -> String {
        defer { nextUID += 1 }
        let digits = String(nextUID, radix: 16)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }
}
