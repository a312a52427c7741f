internal import LinuxIO

/// Finds out whether KVM runs a VM, by starting the firmware with it.
///
/// The device /dev/kvm proves nothing: behind it can be a hypervisor that runs only kernels made for it. The firmware runs in
/// the processor's modes that an image's kernel uses too, and writes to the console when it finds no disk.
struct AcceleratorProbe: Sendable {
    let options: VirtualMachineOptions
    let loop: EpollLoop

    /// A machine with KVM needs about a second.
    private static let limit = Duration.seconds(15)
    /// The firmware's first message, when no disk can be started.
    private static let sign = "BdsDxe"

    /// Whether KVM can be used, and why not.
    func run() async throws -> (isUsable: Bool, reason: String) {
        guard Files.exists("/dev/kvm") else { return (false, "there is no /dev/kvm") }
        let program = VirtualHardware(options, isAccelerated: true).program("qemu-system-x86_64")
        var probe = ChildProcess.Options(
            executable: program,
            arguments: [
                "-M", "q35,smm=off", "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-no-user-config",
                "-display", "none", "-no-reboot", "-serial", "stdio",
                "-drive", "if=pflash,format=raw,readonly=on,file=\(options.firmware)/OVMF_CODE_4M.fd",
                "-drive", "if=pflash,format=raw,snapshot=on,file=\(options.firmware)/OVMF_VARS_4M.fd",
            ])
        probe.output = .pipe
        probe.error = .null
        let child: ChildProcess
        do {
            child = try ChildProcess.start(probe, on: loop)
        } catch {
            return (false, "\(program) does not start: \(error)")
        }
        defer { child.signal(Signals.kill) }
        do {
            return try await withDeadline(.now.advanced(by: Self.limit), on: loop) { () -> (Bool, String) in
                var text = ""
                while let output = child.output, text.utf8.count < 1 << 16 {
                    let bytes = try await output.read(upTo: 4096)
                    if bytes.isEmpty { break }
                    text += String(decoding: bytes, as: UTF8.self)
                    if text.contains(Self.sign) { return (true, "the firmware runs with it") }
                }
                return (false, "qemu ended with KVM: \(try await child.wait())")
            }
        } catch is DeadlineExceeded {
            child.signal(Signals.kill)
            _ = try? await child.wait()
            return (false, "the firmware did not start with KVM within \(Self.limit)")
        }
    }
}
