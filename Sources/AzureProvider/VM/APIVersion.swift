/// The versions of Azure's interfaces that this provider was written against.
enum APIVersion {
    /// Virtual machines and usages.
    static let compute = "2024-07-01"
    static let disks = "2024-03-02"
    static let sizes = "2021-07-01"
    static let network = "2024-03-01"
    /// Of the network interface within a VM's body: the one that Azure's enumeration has.
    static let inlineNetwork = "2020-11-01"
}
