/// The part of a PeerPod object that matters here. Both this project's adaptor and upstream's write such objects.
package struct PeerPodEntry: Hashable, Sendable {
    /// The finalizer that keeps a PeerPod until its VM does not exist.
    package static let finalizer = "peer.pod/finalizer"

    /// The object's namespace, which is also its pod's.
    package let namespace: String
    /// The object's name.
    package let name: String
    /// The id that no other object ever has.
    package let uid: String
    /// The pod that owns the object; nil if it names none.
    package let owner: Owner?
    /// The cloud, such as `azure`.
    package let cloudProvider: String
    /// The VM's path in its cloud: ARM's resource id.
    package let instancePath: String
    /// All finalizers of the object.
    package let finalizers: [String]

    /// A pod that owns a PeerPod.
    package struct Owner: Hashable, Sendable {
        /// The pod's name.
        package let name: String
        /// The pod's UID.
        package let uid: String

        /// Names a pod.
        package init(name: String, uid: String) {
            self.name = name
            self.uid = uid
        }
    }

    /// Describes a PeerPod.
    package init(
        namespace: String, name: String, uid: String, owner: Owner?, cloudProvider: String = "azure",
        instancePath: String, finalizers: [String] = [Self.finalizer]
    ) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.owner = owner
        self.cloudProvider = cloudProvider
        self.instancePath = instancePath
        self.finalizers = finalizers
    }

    /// The VM's name: the last part of its path.
    package var instanceName: String { instancePath.split(separator: "/").last.map(String.init) ?? "" }

    /// Whether the object waits for its VM's end.
    var hasFinalizer: Bool { finalizers.contains(Self.finalizer) }
}
