/// The data that this process needs to adopt or delete a sandbox that another process created.
///
/// Each sandbox has one file, `<pods directory>/<sandbox id>/record.json`, mode 0600:
///
///     {
///       "version": 2,
///       "sandbox": "0a1b…", "pod": "nginx", "namespace": "default",
///       "networkNamespace": "/run/netns/cni-1",
///       "machineType": "Standard_DC2es_v6", "image": "…", "vcpus": 2, "memoryMiB": 4096, "gpus": 1,
///       "tees": ["tdx"], "sizedBy": "pod spec", "size": "Standard_DC2es_v6", "zone": "2", "tee": "tdx",
///       "created": 1767225600, "request": "89abcdef01234567",
///       "cluster": "…", "node": "node-1", "subscription": "…", "resourceGroup": "…", "vni": 555001,
///       "vm": "podvm-nginx-0a1b2c3d", "state": "booting", "addresses": ["10.0.0.4"], "vmID": "…",
///       "history": [{"step": "trying", "at": 1767225601042, "place": "Standard_DC2es_v6 in zone 2 (tdx)"}],
///       "checksum": "0123456789abcdef"
///     }
///
/// Optional members without a value are left out. `history` has at most 32 steps; `size`, `zone` and `tee` are those of the
/// last try. A record in the state `failed` has the reason in `failure`. The record
/// never has initdata, keys or user data. Records of version 1 lack the members from `request` to `vni`, `vmID` and
/// `checksum`; they are read, and written again as version 2.
package struct SandboxRecord: Equatable, Sendable {
    /// The number in `version`. A larger number has another meaning, and the record is not read.
    static let version: Int64 = 2
    /// The most bytes in a record.
    package static let sizeLimit = 64 << 10

    /// The sandbox that the record describes.
    package let id: SandboxID
    /// The name of the pod.
    package let podName: String
    /// The Kubernetes namespace of the pod.
    package let podNamespace: String
    /// The path of the pod's network namespace on the node; empty: the pod has none.
    package let networkNamespacePath: String
    /// What the pod asks of its VM: by kata's request and, from the state `prepared` on, by what the cluster knows.
    package var requirements: Requirements
    /// Seconds since 1970.
    package let created: Int64
    /// The hash of the CreateVM request; nil in a record of version 1.
    package let request: String?
    /// The adaptor that created the sandbox; its names may be empty.
    var owner: VMOwner
    /// Where the VM is, or would be.
    package var scope: CloudScope
    /// The number of the pod's VXLAN tunnel; nil without a tunnel.
    package var vni: UInt32?
    /// The step of the sandbox's life that was recorded last.
    package var state: SandboxState
    /// Where the VM was tried last; nil before the first try.
    package var place: InstancePlace?
    /// What has happened.
    var history = StepHistory()
    /// Whether the bytes that were read have an older version than this record will be written with.
    var isOutdated = false

    /// The record of a CreateVM request, before anything is created.
    package init(_ request: SandboxRequest, vm: InstanceID, created: Int64, scope: CloudScope = .none) {
        self.init(request, vm: vm, created: created, owner: VMOwner(cluster: "", node: ""), scope: scope)
    }

    /// The record of a CreateVM request to `owner`, before anything is created.
    init(_ request: SandboxRequest, vm: InstanceID, created: Int64, owner: VMOwner, scope: CloudScope) {
        id = request.id
        podName = request.podName
        podNamespace = request.podNamespace
        networkNamespacePath = request.networkNamespacePath
        requirements = request.requirements
        self.created = created
        self.request = request.fingerprint
        self.owner = owner
        self.scope = scope
        state = .preparing(vm)
    }

    init(
        id: SandboxID, podName: String, podNamespace: String, networkNamespacePath: String,
        requirements: Requirements, created: Int64, request: String?, owner: VMOwner, scope: CloudScope, vni: UInt32?,
        state: SandboxState, isOutdated: Bool
    ) {
        self.id = id
        self.podName = podName
        self.podNamespace = podNamespace
        self.networkNamespacePath = networkNamespacePath
        self.requirements = requirements
        self.created = created
        self.request = request
        self.owner = owner
        self.scope = scope
        self.vni = vni
        self.state = state
        self.isOutdated = isOutdated
    }
}
