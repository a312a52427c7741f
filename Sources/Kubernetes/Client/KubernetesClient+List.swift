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
        do throws(KubernetesError) {
            return try await pages(of: selection)
        } catch {
            // The rest of the pages has another age than the first ones. A second list from the start is consistent.
            guard error.kind == .expired else { throw error }
            return try await pages(of: selection)
        }
    }

    private func pages(of selection: ObjectSelection) async throws(KubernetesError) -> ObjectList {
        var list = ObjectList()
        var next: String?
        for _ in 0..<limits.pages {
            var parameters = [(name: "limit", value: String(limits.pageSize))]
            if let next { parameters.append((name: "continue", value: next)) }
            var call = KubernetesCall("list", "GET", selection.target(parameters), selection.subject)
            call.responseLimit = limits.page
            let page = try await send(call)
            next = try add(page, to: &list, of: call)
            if next == nil { return list }
        }
        throw KubernetesError(
            .malformed, "list \(selection.subject)", "the list has more than \(limits.pages) pages")
    }

    /// Adds a page; returns the token of the next page, nil after the last.
    private func add(
        _ page: JSONObject, to list: inout ObjectList, of call: KubernetesCall
    ) throws(KubernetesError) -> String? {
        do throws(JSONError) {
            // A list without items has null there.
            for item in try page.optionalObjects("items") ?? [] { list.objects.append(item.members) }
            let metadata = try page.object("metadata")
            list.resourceVersion = try metadata.optionalString("resourceVersion") ?? ""
            return try metadata.optionalString("continue").flatMap { $0.isEmpty ? nil : $0 }
        } catch {
            throw call.error(.malformed, error.description)
        }
    }
}
