internal import AzureProvider
internal import JSON
internal import Preflight

extension AzureCheck {
    /// A scope in which actions have to be allowed.
    private struct Scope: Sendable {
        var id: String
        var what: String
        var flag: String
        var actions: [String]
    }

    func checkPermissions() async -> [Finding] {
        await withTaskGroup(of: (Int, [Finding]).self) { group in
            let scopes = scopes
            for (index, scope) in scopes.enumerated() {
                group.addTask {
                    let topic = Topic("rights", "the permissions in \(scope.what)", flag: scope.flag)
                    return (index, await ask(topic) { () throws(ReadFailure) in try await check(scope) })
                }
            }
            var findings = scopes.map { _ in [Finding]() }
            for await (index, found) in group { findings[index] = found }
            return findings.flatMap(\.self)
        }
    }

    private func check(_ scope: Scope) async throws(ReadFailure) -> [Finding] {
        let nodes = try await list(
            "\(scope.id)/providers/Microsoft.Authorization/permissions", apiVersion: "2022-04-01")
        let missing = try Self.read { () throws(JSONError) in try Permissions(nodes) }.missing(of: scope.actions)
        if missing.isEmpty { return [Finding("rights", .ok, "all that is needed in \(scope.what)")] }
        return [
            Finding(
                "rights", .failed, "missing in \(scope.what): \(missing.joined(separator: ", "))",
                advice: "assign to \(client.credential.description) a role there that has these actions")
        ]
    }

    private var scopes: [Scope] {
        var scopes: [Scope] = []
        if !options.resourceGroup.isEmpty {
            scopes.append(
                Scope(
                    id: account.group, what: "the resource group \(options.resourceGroup)", flag: "resourcegroup",
                    actions: groupActions))
        }
        if let subnet = ResourceID(options.subnetID) {
            scopes.append(
                Scope(
                    id: subnet.description, what: "the subnet \(subnet.name)", flag: "subnetid",
                    actions: ["Microsoft.Network/virtualNetworks/subnets/join/action"]))
        }
        if let group = ResourceID(options.securityGroupID) {
            scopes.append(
                Scope(
                    id: group.description, what: "the security group \(group.name)", flag: "securitygroupid",
                    actions: ["Microsoft.Network/networkSecurityGroups/join/action"]))
        }
        for identity in options.identities.compactMap({ ResourceID($0) }) {
            scopes.append(
                Scope(
                    id: identity.description, what: "the identity \(identity.name)", flag: "user-assigned-identities",
                    actions: ["Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"]))
        }
        return scopes
    }

    /// The actions for creating a VM with its disk and its interface, watching it, and deleting all of it.
    private var groupActions: [String] {
        var types = [
            "Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks", "Microsoft.Network/networkInterfaces",
        ]
        var actions = ["Microsoft.Network/networkInterfaces/join/action"]
        if options.usesPublicIP {
            types.append("Microsoft.Network/publicIPAddresses")
            actions.append("Microsoft.Network/publicIPAddresses/join/action")
        }
        return types.flatMap { type in ["read", "write", "delete"].map { "\(type)/\($0)" } } + actions
    }
}
