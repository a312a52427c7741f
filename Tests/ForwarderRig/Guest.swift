package import AgentTunnel
import LinuxIO
package import PodVMBoot
import TLS

/// A pod VM's directory: its boot document, the agent's socket.
package final class Guest: Sendable {
    /// The name of the VM, and the name in its certificate.
    package static let vmName = "podvm-a"
    /// The directory.
    package let path: String

    /// - Throws: `FileError`.
    package init() throws { path = try Files.makeTemporaryDirectory(prefix: "/tmp/forwarder-") }
    deinit { try? Files.removeTree(path) }

    /// The path of the boot document.
    package var config: String { "\(path)/apf.json" }
    /// The path of the agent's socket.
    package var agentSocket: String { "\(path)/agent.sock" }

    /// Writes a file. Returns its path.
    package func write(_ text: String, to name: String) throws -> String {
        try DurableFile.write(Array(text.utf8), to: "\(path)/\(name)")
        return "\(path)/\(name)"
    }

    /// Writes the boot document that a node would send.
    package func write(_ identity: SandboxIdentity?, _ change: (inout BootDocument) -> Void = { _ in }) throws {
        var document = BootDocument(podName: "pod", podNamespace: "default")
        document.serverKey = identity?.server.key
        document.serverCertificate = identity?.server.certificate
        document.clientCA = identity?.client.certificate
        change(&document)
        try DurableFile.write(document.encoded, to: config)
    }
}
