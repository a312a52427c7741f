/// Where the cloud is asked for a VM, or has created it.
public struct InstancePlace: Hashable, Sendable, CustomStringConvertible {
    /// The cloud's name of the VM's size.
    public let size: String
    /// The availability zone; nil: the cloud decides.
    public let zone: String?
    /// The technology that protects the VM's memory.
    public let tee: TEE?

    /// Names a place.
    public init(size: String, zone: String? = nil, tee: TEE? = nil) {
        self.size = size
        self.zone = zone
        self.tee = tee
    }

    /// Such as `Standard_DC2es_v6 in zone 2 (tdx)`.
    public var description: String {
        let technology = tee.map { $0 == TEE.none ? " (not confidential)" : " (\($0.rawValue))" } ?? ""
        return size + (zone.map { " in zone \($0)" } ?? "") + technology
    }
}

/// A try to create a VM that the cloud refused.
public struct RefusedTry: Hashable, Sendable {
    /// Where the VM was tried.
    public let place: InstancePlace
    /// The cloud's code, such as `SkuNotAvailable`; empty if there is none.
    public let code: String
    /// What happened, in the cloud's own words, with the request id.
    public let detail: String
    /// Where the VM is tried next; nil: nowhere.
    public let next: InstancePlace?

    /// Describes a try.
    public init(place: InstancePlace, code: String, detail: String, next: InstancePlace?) {
        self.place = place
        self.code = code
        self.detail = detail
        self.next = next
    }
}
