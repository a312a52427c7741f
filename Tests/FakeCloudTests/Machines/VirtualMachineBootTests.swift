import LinuxIO
import NetworkRig
import PodNetwork
import TestSupport
import Testing

@testable import FakeCloud

/// Boots the image that VM_IMAGE names. Emulated, that takes one to ten minutes.
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
        try await MachineFixture.run(in: home, within: .seconds(1800)) { fixture in
            let machines = try fixture.machines { $0.virtual.image = image }
            try await fixture.powerOn("podvm-a", in: machines)
            let listener = try #require(try machines.metadataListener(of: "podvm-a"))
            try await alongside({ await VMImage.answer(listener, VMImage.refusal) }) {
                let limit = ContinuousClock.now.advanced(by: .seconds(1700))
                while ContinuousClock.now < limit {
                    if case .failed? = machines.status(of: "podvm-a") { break }
                    try await fixture.loop.sleep(for: .milliseconds(500))
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
