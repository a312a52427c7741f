internal import JSON

/// A kind of resource that a pod VM consists of.
enum ResourceKind: CaseIterable, Sendable {
    case vm
    case interface
    case disk
    case publicAddress

    var provider: String {
        switch self {
        case .vm, .disk: "Microsoft.Compute"
        case .interface, .publicAddress: "Microsoft.Network"
        }
    }

    var type: String {
        switch self {
        case .vm: "virtualMachines"
        case .disk: "disks"
        case .interface: "networkInterfaces"
        case .publicAddress: "publicIPAddresses"
        }
    }

    var apiVersion: String {
        switch self {
        case .vm: APIVersion.compute
        case .disk: APIVersion.disks
        case .interface, .publicAddress: APIVersion.network
        }
    }

    /// The name in messages.
    var word: String {
        switch self {
        case .vm: "VM"
        case .disk: "disk"
        case .interface: "network interface"
        case .publicAddress: "public address"
        }
    }
}

/// Reads and removes single resources of our group.
struct AzureResources: Sendable {
    let arm: ARMClient

    func request(_ method: String, _ kind: ResourceKind, _ name: String? = nil, body: JSONValue? = nil) -> ARMRequest {
        ARMRequest(
            method, arm.account.resource(kind.provider, kind.type, name), apiVersion: kind.apiVersion, body: body)
    }

    /// The resource of that name; nil when ARM reports that it does not exist.
    func get(_ kind: ResourceKind, _ name: String, expand: String? = nil) async throws(ARMError) -> JSONNode? {
        var request = request("GET", kind, name)
        if let expand { request.query = [("$expand", expand)] }
        let answer: ARMAnswer
        do throws(ARMError) {
            answer = try await arm.send(request)
        } catch {
            if error.reportsAbsence { return nil }
            throw error
        }
        return try answer.node(of: request)
    }

    func virtualMachine(_ name: String, expand: String? = nil) async throws(ARMError) -> VirtualMachine? {
        guard let node = try await get(.vm, name, expand: expand) else { return nil }
        return try read(node, "VM \(name)") { node throws(JSONError) in try VirtualMachine(node) }
    }

    func read<Value>(
        _ node: JSONNode, _ what: String, _ parse: (JSONNode) throws(JSONError) -> Value
    ) throws(ARMError) -> Value {
        do throws(JSONError) {
            return try parse(node)
        } catch {
            throw ARMError(.malformed, during: "GET \(what)", "\(error)")
        }
    }
}

extension ARMError {
    /// Whether the error is a 404 with a code of ARM about this resource.
    ///
    /// A 404 of a proxy does not prove that the resource does not exist. Nor does a 404 about the whole subscription or
    /// resource group: the configuration may name another one than the one in which the resource was created.
    var reportsAbsence: Bool {
        isNotFound && !code.isEmpty
            && !["SubscriptionNotFound", "InvalidSubscriptionId", "ResourceGroupNotFound"].contains(where: hasCode)
    }

    /// Whether the error says nothing about the resource, and a later request may succeed.
    var isTransient: Bool {
        switch kind {
        case .notSent, .unanswered, .malformed, .credential: true
        case .refused(let status): status == 401 || status == 429 || status >= 500
        case .operationFailed, .cancelled: false
        }
    }
}

extension ARMAnswer {
    func node(of request: ARMRequest) throws(ARMError) -> JSONNode {
        do throws(JSONError) {
            return try JSONNode(body ?? .null)
        } catch {
            throw ARMError(.malformed, during: request.name, "\(error)")
        }
    }
}

/// The versions of Azure's APIs that this provider uses.
package enum APIVersion {
    /// Virtual machines and usages.
    package static let compute = "2024-07-01"
    /// Disks.
    package static let disks = "2024-03-02"
    /// The resource SKUs of a region.
    package static let sizes = "2021-07-01"
    /// Network interfaces, public addresses, networks and security groups.
    package static let network = "2024-03-01"
    /// The version for the network interface within a VM's body, from Azure's enumeration.
    package static let inlineNetwork = "2020-11-01"
}
