import LinuxIO
import NetworkRig
import PodNetwork
import TestSupport
import Testing

@testable import FakeCloud

/// Boots the image that VM_IMAGE names. Emulated, that takes a minute of processor time, and much longer on a busy machine: so
/// only a VM that writes nothing to its console for a quarter of an hour fails.
@Suite(
    "A virtual machine that boots an image", .serialized,
    .enabled(if: VMImage.path != nil, "VM_IMAGE names no raw image: scripts/image builds one"),
    .enabled(if: Files.exists("/usr/bin/qemu-system-x86_64"), "there is no qemu: scripts/setup vm installs it"),
    .enabled(if: MachineFixture.isBuilt, "fake-pod-vm is not built: run swift build first"),
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
struct VirtualMachineBootTests {
    @Test("without user data switches itself off, and its serial log has the reason")
    func noUserData() async throws {
        let home = try NetworkNamespace.make(named: "home")
        let image = try #require(VMImage.path)
        try await MachineFixture.run(in: home, within: VMImage.limit) { fixture in
            let machines = try fixture.machines { $0.virtual.image = image }
            try await fixture.powerOn("podvm-a", in: machines)
            let listener = try #require(try machines.metadataListener(of: "podvm-a"))
            try await alongside({ await VMImage.answer(listener, VMImage.refusal) }) {
                try await VMImage.follow("podvm-a", in: machines, on: fixture.loop) {
                    if case .failed? = machines.status(of: "podvm-a") { true } else { false }
                }
                #expect(machines.status(of: "podvm-a") == .failed("the guest has switched the VM off"))
                let log = String(decoding: machines.serialLog(of: "podvm-a") ?? [], as: UTF8.self)
                #expect(log.contains("answered with status 400"), "\(log.suffix(2000))")
                listener.close()
            }
        }
        #expect(try Lab.command("ip -o link", in: home).split(separator: "\n").count == 1)
    }
}

private enum VMImage {
    static let path: String? = Environment.all["VM_IMAGE"].flatMap { $0.hasPrefix("/") && Files.exists($0) ? $0 : nil }

    /// For the whole test.
    static let limit = Duration.seconds(7200)
    /// How long a VM may write nothing to its console.
    private static let patience = Duration.seconds(900)

    /// Waits for the end of a VM while its console shows progress.
    static func follow(
        _ name: String, in machines: LocalMachines, on loop: EpollLoop, until isReached: () -> Bool
    ) async throws {
        var seen: [UInt8]? = nil
        var limit = ContinuousClock.now.advanced(by: patience)
        while !isReached() {
            let log = machines.serialLog(of: name)
            if log != seen { (seen, limit) = (log, .now.advanced(by: patience)) }
            if .now > limit {
                Issue.record(
                    "the VM wrote nothing more than: \(String(decoding: (seen ?? []).suffix(2000), as: UTF8.self))")
                return
            }
            try await loop.sleep(for: .milliseconds(500))
        }
    }

    static let refusal = "HTTP/1.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

    /// Gives each client the same answer.
    static func answer(_ listener: Listener, _ text: String) async {
        while let client = try? await listener.accept() {
            _ = try? await client.read(upTo: 4096)
            try? await client.write(Array(text.utf8))
            client.close()
        }
    }
}
