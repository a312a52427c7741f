internal import Encoding
package import JSON
internal import LinuxIO

/// Which objects of a kind are meant.
package struct ObjectSelection: Hashable, Sendable {
    /// The kind.
    package let resource: KubernetesResource
    /// The namespace; nil for all namespaces, or for objects of the whole cluster.
    package let namespace: String?
    /// A condition such as `spec.nodeName=node-1`; nil for all objects.
    package let fieldSelector: String?

    /// Selects objects.
    package init(_ resource: KubernetesResource, in namespace: String? = nil, fieldSelector: String? = nil) {
        self.resource = resource
        self.namespace = namespace
        self.fieldSelector = fieldSelector
    }

    /// Selects one object, which need not exist.
    package init(_ object: ObjectName) {
        self.init(object.resource, in: object.namespace, fieldSelector: "metadata.name=\(object.name)")
    }

    func target(_ parameters: [(name: String, value: String)]) -> String {
        let selector = fieldSelector.map { [(name: "fieldSelector", value: $0)] } ?? []
        return resource.path(in: namespace) + "?" + PercentCoding.encoded(parameters + selector)
    }

    var subject: String {
        "\(resource.plural)" + (namespace.map { " in \($0)" } ?? "") + (fieldSelector.map { " with \($0)" } ?? "")
    }
}

/// A complete list.
package struct ObjectList: Sendable {
    /// The objects. They have no `kind` and no `apiVersion`.
    package var objects: [JSONObject] = []
    /// The version from which a watch continues.
    package var resourceVersion = ""
}

extension KubernetesClient {
    /// Lists objects, page by page. The list is complete, or the call throws: a part of a list must not look as if
    /// objects were gone.
    package func list(_ selection: ObjectSelection) async throws(KubernetesError) -> ObjectList {
        let (objects, version) = try await list(selection) { node throws(JSONError) in node.members }
        return ObjectList(objects: objects, resourceVersion: version)
    }

    /// Lists objects as the values that `read` makes of them, so that only one page is in memory. An object that cannot be read is an
    /// error: it must not look as if it were gone.
    package func values<Value>(
        _ selection: ObjectSelection, _ read: (JSONObject) throws(JSONError) -> Value
    ) async throws(KubernetesError) -> [Value] {
        try await list(selection) { node throws(JSONError) in try read(node.members) }.values
    }

    private func list<Value>(
        _ selection: ObjectSelection, _ read: (JSONNode) throws(JSONError) -> Value
    ) async throws(KubernetesError) -> (values: [Value], version: String) {
        do throws(KubernetesError) {
            return try await pages(of: selection, read)
        } catch {
            // The rest of the pages has another age than the first ones. A second list from the start is consistent.
            guard error.kind == .expired else { throw error }
            return try await pages(of: selection, read)
        }
    }

    private func pages<Value>(
        of selection: ObjectSelection, _ read: (JSONNode) throws(JSONError) -> Value
    ) async throws(KubernetesError) -> (values: [Value], version: String) {
        var values: [Value] = []
        var version = ""
        var next: String?
        for _ in 0..<limits.pages {
            var parameters = [(name: "limit", value: String(limits.pageSize))]
            if let next { parameters.append((name: "continue", value: next)) }
            var call = KubernetesCall("list", "GET", selection.target(parameters), selection.subject)
            call.responseLimit = limits.page
            let page = try await send(call)
            do throws(JSONError) {
                // A list without items has null there.
                for item in try page.optionalObjects("items") ?? [] { values.append(try read(item)) }
                let metadata = try page.object("metadata")
                version = try metadata.optionalString("resourceVersion") ?? ""
                // The token of the next page.
                next = try metadata.optionalString("continue").flatMap { $0.isEmpty ? nil : $0 }
            } catch {
                throw call.error(.malformed, error.description)
            }
            if next == nil { return (values, version) }
        }
        throw KubernetesError(
            .malformed, "list \(selection.subject)", "the list has more than \(limits.pages) pages")
    }
}
