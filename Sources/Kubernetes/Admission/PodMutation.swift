package import JSON

/// What becomes of a new pod with kata's RuntimeClass: the same as upstream's webhook and as the chart's MutatingAdmissionPolicy do.
///
/// The sums of CPU, memory and GPUs go to annotations, from which kata's shim takes them. No container has resources any longer,
/// because the node does not run them. The first container requests the extended resource that counts pod VMs.
package struct PodMutation: Equatable, Sendable {
    /// The RuntimeClass of the pods that are changed.
    package var runtimeClass = "kata-remote"
    /// The extended resource that counts pod VMs.
    package var extendedResource = "kata.peerpods.io/vm"

    /// The names of upstream.
    package init() {}

    /// A pod that the API server must not create.
    package struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        /// Why.
        package let description: String
    }

    private static let annotations = "io.katacontainers.config.hypervisor."
    private static let gpu = "nvidia.com/gpu"

    /// One container's resources.
    private struct Resources {
        var requests: [String: Quantity] = [:]
        var limits: [String: Quantity] = [:]
    }

    /// What is read of a pod that is changed.
    private struct Parts {
        var containers = 0
        var initContainers = 0
        var resources: [Resources] = []
        var hasAnnotations = false
    }

    /// The operations that change `pod`; none for a pod that stays as it is.
    ///
    /// - Throws: ``Refusal`` for a pod of the RuntimeClass that cannot be read, or whose amounts no VM can have.
    package func operations(for pod: JSONObject) throws(Refusal) -> [JSONValue] {
        let parts: Parts?
        do throws(JSONError) {
            parts = try read(pod)
        } catch {
            throw Refusal(description: "the pod cannot be read: \(error.description)")
        }
        guard let parts else { return [] }
        return try annotations(parts) + emptied(parts)
    }

    /// Nil for a pod that stays as it is.
    private func read(_ pod: JSONObject) throws(JSONError) -> Parts? {
        let spec = try pod.object("spec")
        guard try spec.optionalString("runtimeClassName") == runtimeClass else { return nil }
        let containers = try spec.objects("containers")
        let inits = try spec.optionalObjects("initContainers") ?? []
        var parts = Parts(containers: containers.count, initContainers: inits.count)
        // A pod that requests the resource already was changed before: webhooks and policies may run again.
        for container in containers {
            let requests = try container.optionalObject("resources")?.optionalObject("requests")
            if requests?.members.keys.contains(extendedResource) == true { return nil }
        }
        for container in containers + inits {
            guard let resources = try Self.resources(of: container) else { return nil }
            parts.resources.append(resources)
        }
        parts.hasAnnotations = try pod.optionalObject("metadata")?.optionalObject("annotations") != nil
        return parts
    }

    /// The container's resources; nil if an amount is negative. The API server refuses such a pod, if it still has the amount.
    private static func resources(of container: JSONNode) throws(JSONError) -> Resources? {
        guard let node = try container.optionalObject("resources") else { return Resources() }
        for part in ["requests", "limits"] {
            for (_, value) in try node.optionalObject(part)?.members.entries ?? [] {
                if value.stringValue?.hasPrefix("-") == true || value.numberValue.map({ $0 < 0 }) == true { return nil }
            }
        }
        return Resources(
            requests: try node.optionalQuantities("requests"), limits: try node.optionalQuantities("limits"))
    }

    private func annotations(_ parts: Parts) throws(Refusal) -> [JSONValue] {
        let sizes = [
            ("default_vcpus", try Self.amount(of: "cpu", in: parts.resources, unit: 1)),
            ("default_memory", try Self.amount(of: "memory", in: parts.resources, unit: 1 << 20)),
            ("default_gpus", try Self.sum(of: Self.gpu, parts.resources.map(\.requests)).roundedUp),
        ].filter { $0.1 > 0 }
        guard !sizes.isEmpty else { return [] }
        let missing: [JSONValue] =
            parts.hasAnnotations ? [] : [["op": "add", "path": "/metadata/annotations", "value": [:]]]
        return missing
            + sizes.map { name, value in
                [
                    "op": "add", "path": .string("/metadata/annotations/" + Self.annotations + name),
                    "value": .string(String(value)),
                ]
            }
    }

    /// The limits together, if they have requests and are not below them; otherwise the requests together. In units, rounded up.
    private static func amount(
        of resource: String, in all: [Resources], unit: Int64
    ) throws(Refusal) -> Int64 {
        let requests = try sum(of: resource, all.map(\.requests))
        let limits = try sum(of: resource, all.map(\.limits))
        let amount = requests.thousandths > 0 && limits >= requests ? limits : requests
        // The thousandths of a unit may be more than an integer holds, so they are not multiplied.
        let whole = amount.roundedUp
        return whole / unit + (whole % unit > 0 ? 1 : 0)
    }

    private static func sum(of resource: String, _ all: [[String: Quantity]]) throws(Refusal) -> Quantity {
        let sum = all.reduce(Quantity(thousandths: 0)) { $0 + ($1[resource] ?? Quantity(thousandths: 0)) }
        guard sum.thousandths < Int64.max else {
            throw Refusal(description: "the containers together ask for more \(resource) than any VM has")
        }
        return sum
    }

    /// Operations that leave only the extended resource, at the first container.
    private func emptied(_ parts: Parts) -> [JSONValue] {
        let amount: JSONValue = .object(JSONObject([(extendedResource, JSONValue.string("1"))]))
        func operation(_ list: String, _ index: Int, _ value: JSONValue) -> JSONValue {
            ["op": "add", "path": .string("/spec/\(list)/\(index)/resources"), "value": value]
        }
        return (0..<parts.containers).map { index in
            operation("containers", index, index == 0 ? ["requests": amount, "limits": amount] : [:])
        } + (0..<parts.initContainers).map { operation("initContainers", $0, [:]) }
    }
}
