internal import PodVMLifecycle

/// The names of all that Azure makes for one VM, each a function of the VM's own.
struct VMResources: Hashable, Sendable {
    let vm: String

    init(_ id: InstanceID) { vm = id.rawValue }

    /// The OS disk.
    var disk: String { "\(vm)-disk" }
    /// The network interface, and its configuration within the VM's body.
    var interface: String { "\(vm)-net" }
    /// The public address, where there is one; the Go adaptor names it as the interface.
    var publicAddress: String { "\(vm)-net" }
    /// The interface's one address configuration.
    static let addressConfiguration = "ip-config"

    /// What keeps Azure from naming a VM so, or nil.
    ///
    /// Azure allows 64 of `[A-Za-z0-9._-]`, beginning with a letter or digit and not ending with `.` or `-`; a Linux host
    /// name allows 63, in lower case, and that is what our names are.
    var fault: String? {
        guard 1...VMName.lengthLimit ~= vm.utf8.count else {
            return "a VM's name has 1 to \(VMName.lengthLimit) characters, \"\(vm.prefix(80))\" has \(vm.utf8.count)"
        }
        let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789-".utf8)
        guard vm.utf8.allSatisfy(letters.contains), vm.utf8.first != UInt8(ascii: "-"),
            vm.utf8.last != UInt8(ascii: "-")
        else {
            return "a VM's name has only a-z, 0-9 and -, and neither begins nor ends with -; \"\(vm)\" does not fit"
        }
        return nil
    }
}
