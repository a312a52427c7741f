internal import PodVMLifecycle

/// The names of all resources that Azure creates for one VM. Each name depends only on the VM's name.
struct VMResources: Hashable, Sendable {
    let vm: String

    init(_ id: InstanceID) { vm = id.rawValue }

    /// The OS disk.
    var disk: String { "\(vm)-disk" }
    /// The network interface, and its configuration within the VM's body.
    var interface: String { "\(vm)-net" }
    /// The public address, if the VM has one; the Go adaptor gives it the same name as the interface.
    var publicAddress: String { "\(vm)-net" }
    /// The interface's only address configuration.
    static let addressConfiguration = "ip-config"

    /// Why Azure does not accept the VM's name; nil if it does.
    ///
    /// Azure allows 64 of `[A-Za-z0-9._-]`, beginning with a letter or digit and not ending with `.` or `-`. A Linux
    /// host name allows 63, in lower case; our names follow that rule.
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
