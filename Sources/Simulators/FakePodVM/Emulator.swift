internal import FakeCloud

/// The arguments of qemu and of its helpers. Their working directory is the machine's, so paths are short.
struct Emulator: Sendable {
    /// The names of files in the machine's directory.
    enum File {
        static let disk = "disk.qcow2", variables = "vars.fd", tpmState = "tpm", tpmSocket = "tpm.sock"
        static let network = "network.ip"
    }

    let hardware: VirtualHardware
    let network: VirtualNetwork

    /// Makes the disk that has the guest's changes to the image.
    var diskArguments: [String] {
        ["create", "-q", "-f", "qcow2", "-b", hardware.image, "-F", "raw", File.disk]
    }

    /// Makes a TPM, in `directory`, whose path must be whole.
    static func tpmSetupArguments(in directory: String) -> [String] {
        ["--tpm2", "--tpmstate", "\(directory)/\(File.tpmState)", "--pcr-banks", "sha256"]
    }

    /// Runs the TPM.
    static func tpmArguments(in directory: String) -> [String] {
        [
            "socket", "--tpm2", "--tpmstate", "dir=\(directory)/\(File.tpmState)", "--ctrl",
            "type=unixio,path=\(File.tpmSocket)", "--flags", "startup-clear",
        ]
    }

    /// Runs the VM. Its serial console is standard output, and it ends when the guest restarts or panics.
    var arguments: [String] {
        let processor =
            hardware.isAccelerated
            ? ["-accel", "kvm", "-cpu", "host", "-smp", "2"]
            // One processor: with two, qemu 7.2 changes code of the kernel while the other one runs it.
            : ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "1"]
        let hardwareAddress = VirtualNetwork.text(network.guestHardwareAddress)
        return ["-M", "q35,smm=off"] + processor + ["-m", "\(hardware.memory)"] + [
            "-display", "none", "-nodefaults", "-no-user-config", "-no-reboot",
            "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial",
            "-drive", "if=pflash,format=raw,readonly=on,file=\(hardware.firmware)/OVMF_CODE_4M.fd",
            "-drive", "if=pflash,format=raw,file=\(File.variables)",
            "-chardev", "socket,id=tpm,path=\(File.tpmSocket)", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
            "-device", "tpm-crb,tpmdev=tpm0",
            "-drive", "if=none,id=disk,file=\(File.disk),format=qcow2,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk,bootindex=0",
            "-netdev", "tap,id=net,ifname=\(VirtualNetwork.tap),script=no,downscript=no",
            "-device", "virtio-net-pci,netdev=net,mac=\(hardwareAddress),romfile=", "-device", "virtio-rng-pci",
        ]
    }
}
