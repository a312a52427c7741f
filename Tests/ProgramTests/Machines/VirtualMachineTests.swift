import HTTPTransport
import LinuxIO
import NetworkRig
import PodNetwork
import TestSupport
import Testing

@testable import FakeCloud

/// Virtual machines whose qemu, TPM and firmware are scripts and empty files; the network is real.
@Suite(
    "Virtual machines with a stand-in for qemu",
    .enabled(if: MachineFixture.isBuilt, "fake-pod-vm is not built: run swift build first"),
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
struct VirtualMachineTests {
    /// Writes the stand-ins. `qemu` is what follows the console's first line, `tpm` what follows the creation of the socket.
    private static func tools(_ root: String, qemu: String, tpm: String = "exec sleep 1000") throws
        -> VirtualMachineOptions
    {
        let (programs, firmware) = (root + "/tools", root + "/firmware")
        for directory in [programs, firmware] { try Files.makeDirectories(directory) }
        func script(_ name: String, _ text: String) throws {
            try Files.write("#!/bin/sh\n\(text)\n".utf8, to: "\(programs)/\(name)", at: 0, mode: 0o755)
        }
        try script(
            "qemu-system-x86_64",
            "[ ! -e machine.json ] || echo \"$*\" >qemu.arguments; echo 'Linux version 6.12'; \(qemu)")
        try script("qemu-img", "for last; do :; done; echo \"$*\" >\"$last\"")
        try script("swtpm_setup", "echo \"$*\" >tpm/setup")
        try script("swtpm", "touch tpm.sock; \(tpm)")
        try script("ip", "PATH=/usr/sbin:/sbin:/usr/bin:/bin exec ip \"$@\"")
        for file in ["OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"] {
            try Files.write([1, 2, 3], to: "\(firmware)/\(file)", at: 0)
        }
        try Files.write([UInt8](repeating: 0, count: 2 << 20), to: "\(root)/image.raw", at: 0)
        var options = VirtualMachineOptions()
        options.image = "\(root)/image.raw"
        options.firmware = firmware
        options.programs = programs
        options.accelerator = .emulation
        options.limit = 2
        return options
    }

    private static func machines(
        _ fixture: MachineFixture, qemu: String = "exec sleep 1000", tpm: String = "exec sleep 1000",
        _ change: (inout LocalMachines.Options) -> Void = { _ in }
    ) throws -> LocalMachines {
        try fixture.machines { options in
            options.virtual = (try? tools(fixture.root, qemu: qemu, tpm: tpm)) ?? VirtualMachineOptions()
            change(&options)
        }
    }

    private static func run(_ body: @escaping @Sendable (MachineFixture, NetworkNamespace) async throws -> Void)
        async throws
    {
        let home = try NetworkNamespace.make(named: "home")
        try await MachineFixture.run(in: home) { try await body($0, home) }
        #expect(try Lab.command("ip -o link", in: home).split(separator: "\n").count == 1)
    }

    @Test(
        "have a disk, a TPM, a bridge for the guest and the metadata service; a later process finds them; removal leaves nothing"
    )
    func life() async throws {
        try await Self.run { fixture, _ in
            let machines = try Self.machines(fixture)
            let address = try await fixture.powerOn("podvm-a", in: machines)
            try await fixture.awaitRunning("podvm-a", in: machines)
            let directory = machines.directoryOf("podvm-a")
            try await fixture.eventually("the console has a line") {
                machines.serialLog(of: "podvm-a") == Array("Linux version 6.12\n".utf8)
            }
            let arguments = String(
                decoding: try DurableFile.read("\(directory.path)/qemu.arguments", limit: 1 << 16), as: UTF8.self)
            #expect(arguments.contains("-accel tcg"))
            #expect(arguments.contains("-m 1024"))
            #expect(arguments.contains("mac=02:00:c6:12:"))
            let disk = String(
                decoding: try DurableFile.read("\(directory.path)/disk.qcow2", limit: 1 << 16), as: UTF8.self)
            #expect(disk.contains("-b \(fixture.root)/image.raw -F raw"))
            #expect(try DurableFile.read("\(directory.path)/vars.fd", limit: 100) == [1, 2, 3])
            let first = try fixture.firstProcess(of: directory)
            let inside = try NetworkNamespace(opening: "/proc/\(first)/ns/net")
            let ports = try Lab.command("ip -o link show master br0", in: inside)
            #expect(ports.contains(" eth0@") && ports.contains(" tap0:"), "\(ports)")
            #expect(try Lab.command("ip -o link show eth0", in: inside).contains(" 02:01:c6:12:"))
            #expect(try !Lab.command("ip -4 -o addr", in: inside).contains(address))
            #expect(try Lab.command("ip route get \(address)", in: inside).contains("dev br0"))
            let listener = try #require(try machines.metadataListener(of: "podvm-a"))
            listener.close()

            // As after a restart of the fake Azure.
            let later = try Self.machines(fixture)
            #expect(later.status(of: "podvm-a") == .running)
            #expect(try await later.reserveAddress(for: "podvm-a") == address)
            let processes = fixture.processes(of: directory)
            #expect(processes.count == 3, "fake-pod-vm, the TPM and qemu")
            try await later.remove("podvm-a")
            #expect(!processes.contains(where: ProcessTree.isAlive))
            #expect(!Files.exists(directory.path))
            #expect(later.status(of: "podvm-a") == nil)
        }
    }

    @Test("are off, with the console's last lines, when the guest switches off or qemu fails")
    func off() async throws {
        let cases = [
            ("echo 'reboot: Power down'; exit 0", "the guest has switched the VM off"), ("exit 3", "qemu ended"),
        ]
        for (qemu, reason) in cases {
            try await Self.run { fixture, _ in
                let machines = try Self.machines(fixture, qemu: qemu)
                try await fixture.powerOn("podvm-a", in: machines)
                try await fixture.eventually("it is off") {
                    if case .failed(let text)? = machines.status(of: "podvm-a") { text.contains(reason) } else { false }
                }
                let log = String(decoding: machines.serialLog(of: "podvm-a") ?? [], as: UTF8.self)
                #expect(log.hasPrefix("Linux version 6.12\n"))
                if qemu.hasPrefix("echo") { #expect(log.hasSuffix("reboot: Power down\n")) }
                try await fixture.eventually("no process is left") {
                    fixture.processes(of: machines.directoryOf("podvm-a")).isEmpty
                }
            }
        }
    }

    @Test("are off for the guest's reason when qemu ends the TPM before itself")
    func tpmEndsFirst() async throws {
        try await Self.run { fixture, _ in
            // The number of the TPM's process is free when its end has been noticed.
            let machines = try Self.machines(
                fixture, qemu: "touch off; while kill -0 $(cat tpm.pid); do sleep 0.01; done; exit 0",
                tpm: "echo $$ >tpm.pid; while [ ! -e off ]; do sleep 0.01; done; exit 0")
            try await fixture.powerOn("podvm-a", in: machines)
            try await fixture.eventually("it is off") {
                if case .failed? = machines.status(of: "podvm-a") { true } else { false }
            }
            #expect(machines.status(of: "podvm-a") == .failed("the guest has switched the VM off"))
        }
    }

    @Test("are limited in number, also when many are requested at once")
    func crowd() async throws {
        try await Self.run { fixture, _ in
            let machines = try Self.machines(fixture)
            let made = await withTaskGroup(of: Bool.self) { group in
                for name in ["podvm-a", "podvm-b", "podvm-c", "podvm-d", "podvm-e"] {
                    group.addTask { (try? await fixture.powerOn(name, in: machines)) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(made == 2)
        }
    }

    @Test("are limited in number")
    func limit() async throws {
        try await Self.run { fixture, _ in
            let machines = try Self.machines(fixture)
            for name in ["podvm-a", "podvm-b"] {
                try await fixture.powerOn(name, in: machines)
                try await fixture.awaitRunning(name, in: machines)
            }
            let error = await #expect(throws: MachineError.self) { try await fixture.powerOn("podvm-c", in: machines) }
            #expect(error?.reason.contains("2 run already: delete some, or raise -vm-limit") == true)
            try await machines.remove("podvm-a")
            try await fixture.powerOn("podvm-c", in: machines)
        }
    }

    @Test("need an image, a firmware, programs and the forwarder's port, and an error names what is missing")
    func needs() async throws {
        try await Self.run { fixture, _ in
            func refusal(_ change: (inout LocalMachines.Options) -> Void) -> String {
                do {
                    _ = try Self.machines(fixture, change)
                    return "none"
                } catch {
                    return "\(error)"
                }
            }
            #expect(refusal { $0.virtual.image = "/nowhere.raw" }.contains("/nowhere.raw cannot be read"))
            #expect(refusal { $0.virtual.image = "relative.raw" }.contains("whole path"))
            #expect(refusal { $0.virtual.firmware = "/nowhere" }.contains("install the Debian package ovmf"))
            #expect(refusal { $0.virtual.programs = fixture.root }.contains("install the Debian package"))
            #expect(refusal { $0.forwarderPort = 15151 }.contains("port 15150, not on 15151"))
            #expect(refusal { $0.isolation = .loopback }.contains("-network=hosts"))
            let vhd = [UInt8](repeating: 0, count: 2 << 20) + Array("conectix".utf8) + [UInt8](repeating: 0, count: 504)
            try Files.write(vhd, to: fixture.root + "/image.vhd", at: 0)
            #expect(refusal { $0.virtual.image = fixture.root + "/image.vhd" }.contains("is not a raw disk image"))
            try Files.write([1], to: fixture.root + "/small.raw", at: 0)
            #expect(refusal { $0.virtual.image = fixture.root + "/small.raw" }.contains("is not a raw disk image"))
        }
    }

    @Test("a console that writes without end keeps its last part")
    func console() throws {
        let directory = try TemporaryDirectory()
        var console = SerialConsole(of: MachineDirectory(directory.path))
        #expect(console.content == nil)
        for number in 0..<60 { try console.append([UInt8](repeating: UInt8(number), count: 100_000)) }
        let kept = try #require(console.content)
        #expect(kept.count <= SerialConsole.limit && kept.count > SerialConsole.limit / 3)
        #expect(kept.last == 59)
    }

    @Test(
        "use KVM only if the firmware starts with it",
        .enabled(if: Files.exists("/dev/kvm"), "this machine has no /dev/kvm"),
        arguments: [("echo 'BdsDxe: failed to load Boot0001'; exec sleep 1000", true), ("exit 1", false)])
    func accelerator(qemu: String, isUsable: Bool) async throws {
        let directory = try TemporaryDirectory()
        let options = try Self.tools(directory.path, qemu: qemu)
        try await onLoop { loop in
            let result = try await AcceleratorProbe(options: options, loop: loop).run()
            #expect(result.isUsable == isUsable, "\(result.reason)")
        }
    }
}
