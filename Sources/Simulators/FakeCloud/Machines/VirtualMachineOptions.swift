/// How machines run the image of a pod VM in qemu.
public struct VirtualMachineOptions: Equatable, Sendable {
    /// The raw disk image; empty: machines are processes, not virtual machines.
    public var image = ""
    /// The directory with OVMF_CODE_4M.fd and OVMF_VARS_4M.fd.
    public var firmware = "/usr/share/OVMF"
    /// The memory of a VM in MiB.
    public var memory = 1024
    /// The most VMs at the same time.
    public var limit = 4
    /// How qemu runs a VM's processor.
    public var accelerator = Accelerator.automatic
    /// The directory of qemu-system-x86_64, qemu-img, swtpm, swtpm_setup and ip; empty: they are in PATH.
    public var programs = ""

    /// No virtual machines.
    public init() {}

    /// A way to run a VM's processor.
    public enum Accelerator: String, CaseIterable, Sendable {
        /// The kernel's, if it can run the firmware, else emulation.
        case automatic
        /// The kernel's.
        case kernel = "kvm"
        /// Emulation, which needs nothing of the machine.
        case emulation = "tcg"
    }
}
