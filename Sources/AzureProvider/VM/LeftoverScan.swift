internal import JSON
internal import PodVMLifecycle

/// Lists and deletes interfaces, disks and public addresses that were created with pod VMs and belong to no VM.
///
/// Azure deletes them with their VM. Some remain when a creation fails, or when an operator deletes a VM in another way.
struct LeftoverScan: Sendable {
    let context: AzureContext

    /// The kinds that this provider creates. Public addresses need rights that a group without them may not give.
    private var kinds: [ResourceKind] {
        [.interface, .disk] + (context.options.usesPublicIP ? [.publicAddress] : [])
    }

    /// Every resource with a sandbox's tags that belongs to no VM: interfaces first, because they hold addresses.
    func list() async throws(ProviderError) -> [Leftover] {
        let operation = "list what is left of VMs in resource group \(context.options.resourceGroup)"
        if let wait = context.leftoverLists.wait {
            throw ProviderError(
                .throttled, .retry(after: wait), during: operation, "Azure's limits are for all nodes together")
        }
        var parts: [VMPart] = []
        var pages = 0
        do throws(ARMError) {
            for kind in kinds {
                let page = try await context.resources.arm.pages(context.resources.request("GET", kind))
                pages += page.pages
                // An unreadable element must not hide the others.
                parts += page.values.compactMap { try? VMPart($0, kind) }
            }
        } catch {
            throw ProviderError(error, during: operation)
        }
        let ours = parts.filter { $0.tags[InstanceTags.sandbox] != nil }
        context.leftoverLists.listed(pages: pages, tags: ours.map(\.tags))
        let free = Set(ours.filter { $0.isFree }.map { $0.id.lowercased() })
        return ours.filter { $0.isFree(withoutHolders: free) }.compactMap(\.leftover)
    }

    /// Deletes the resource, if it still has the same tags and belongs to no VM.
    func delete(_ leftover: Leftover) async throws(ProviderError) {
        let operation = "delete the \(leftover.kind.rawValue) \(leftover.name)"
        let isDeleted: Bool
        do throws(ARMError) {
            isDeleted = try await deleteIfFree(leftover)
        } catch {
            throw ProviderError(error, during: operation)
        }
        guard isDeleted else {
            throw ProviderError(
                .foreign, .giveUp, during: operation,
                "its tags have changed since it was listed, or it belongs to a VM now; it is left alone")
        }
    }

    /// False if the resource is another owner's now.
    private func deleteIfFree(_ leftover: Leftover) async throws(ARMError) -> Bool {
        let kind = ResourceKind(leftover.kind)
        guard let node = try await context.resources.get(kind, leftover.name) else { return true }
        let part = try? VMPart(node, kind)
        guard let part, part.tags == leftover.tags, part.machine == nil, !part.hasOtherOwner else { return false }
        let request = context.resources.request("DELETE", kind, leftover.name)
        do throws(ARMError) {
            let answer = try await context.arm.send(request)
            if answer.status != 204 { try await context.arm.finish(answer, of: request) }
        } catch {
            guard error.reportsAbsence else { throw error }
        }
        return true
    }
}
