internal import PeerPodProtocol
internal import PodVMLifecycle
internal import TTRPC

extension HypervisorService {
    func orphans(_ request: OrphansRequest) async throws(Status) -> OrphanList {
        do throws(LifecycleError) {
            return OrphanList(try await supervisor.orphans(of: OrphanNodes(request)))
        } catch {
            throw Status(error)
        }
    }

    func collect(_ request: CollectRequest) async throws(Status) -> OrphanList {
        // The operator has seen the list: an object of the same name that was created later stays.
        let chosen = Set(request.orphans.map(OrphanKey.init))
        do throws(LifecycleError) {
            return OrphanList(
                try await supervisor.collect(OrphanNodes(request.nodes ?? OrphansRequest())) {
                    chosen.contains(OrphanKey(OrphanStatus($0)))
                })
        } catch {
            throw Status(error)
        }
    }
}

/// What identifies an orphan in two lists.
private struct OrphanKey: Hashable {
    let parts: [String]
    let created: Int64

    init(_ orphan: OrphanStatus) {
        parts = [orphan.kind, orphan.name, orphan.node, orphan.sandbox]
        created = orphan.created
    }
}

extension OrphanNodes {
    fileprivate init(_ request: OrphansRequest) {
        self = request.allNodes ? .all : request.nodes.isEmpty ? .own : .named(Set(request.nodes))
    }
}

extension OrphanList {
    fileprivate init(_ orphans: [CloudOrphan]) {
        self.init()
        self.orphans = orphans.map(OrphanStatus.init)
    }
}

extension OrphanStatus {
    fileprivate init(_ orphan: CloudOrphan) {
        self.init()
        kind = orphan.kind
        name = orphan.name
        node = orphan.tags[InstanceTags.node] ?? ""
        podNamespace = orphan.tags[InstanceTags.namespace] ?? ""
        podName = orphan.tags[InstanceTags.pod] ?? ""
        sandbox = orphan.tags[InstanceTags.sandbox] ?? ""
        size = orphan.size ?? ""
        created = orphan.created ?? 0
        reason = orphan.reason
        obstacle = orphan.obstacle ?? ""
    }
}
