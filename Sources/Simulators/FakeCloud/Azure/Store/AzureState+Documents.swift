internal import JSON

extension AzureState {
    /// A resource as a GET without `$expand` returns it.
    ///
    /// The text is cached until the resource changes: thousands of VMs are listed far more often than they change.
    mutating func document(_ id: FakeResourceID) -> [UInt8]? {
        if let text = documents[id] { return text }
        let value: JSONValue? =
            switch id.kind {
            case .machine: machines[id]?.json(in: self)
            case .interface: interfaces[id]?.json(in: self)
            case .publicAddress: publicAddresses[id]?.json(in: self)
            case .disk: disks[id]?.json(in: self)
            }
        guard let text = value?.encoded() else { return nil }
        documents[id] = text
        return text
    }

    /// The value of the header `ETag`; nil: the resource has none, or there is no resource.
    func etag(of id: FakeResourceID) -> String? {
        switch id.kind {
        case .machine: machines[id].map { "\"\($0.etag)\"" }
        case .interface: interfaces[id].map { "W/\"\($0.etag)\"" }
        case .publicAddress: publicAddresses[id].map { "W/\"\($0.etag)\"" }
        case .disk: nil
        }
    }

    /// At most `limit` resources of a kind, in the order of their creation, and the start of the next page.
    func page(of kind: FakeResourceKind, after serial: Int, limit: Int) -> (ids: [FakeResourceID], next: Int?) {
        switch kind {
        case .machine: machines.page(after: serial, limit: limit)
        case .interface: interfaces.page(after: serial, limit: limit)
        case .publicAddress: publicAddresses.page(after: serial, limit: limit)
        case .disk: disks.page(after: serial, limit: limit)
        }
    }
}
