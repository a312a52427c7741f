import Configuration
import LinuxIO
import TestSupport
import Testing

@testable import Kubernetes

@Suite("Cluster identity")
struct ClusterIdentityTests {
    private func identity(ofMachine text: String?) throws -> ClusterIdentity {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/machine-id"
        if let text { try Files.write(text.utf8, to: file, at: 0) }
        return try ClusterIdentity(configured: "", machineIDFile: file)
    }

    @Test("is the configured value, whatever the machine id")
    func configured() throws {
        let id = "4c1b2f2e-9b64-4f0e-8d6b-6f0a0c1f7d11"
        let identity = try ClusterIdentity(configured: id, machineIDFile: "/nowhere")
        #expect(identity.value == id)
        #expect(identity.source == .configuration)
    }

    @Test("is otherwise the machine id's hash that systemd-id128 shows, and never the id itself")
    func machine() throws {
        for text in ["0123456789abcdef0123456789abcdef\n", "0123456789ABCDEF0123456789abcdef"] {
            let identity = try identity(ofMachine: text)
            #expect(identity.value == "74b4be2eec2c42359061bcc16ec4ab63")
            #expect(identity.source == .machineID)
        }
        #expect(try identity(ofMachine: "0123456789abcdef0123456789abcdee").value != "74b4be2eec2c42359061bcc16ec4ab63")
    }

    @Test(
        "is refused when the machine id is missing or unset: the error says to set -cluster-id",
        arguments: [
            nil, "", "\n", "uninitialized\n", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdefa",
            "0123456789abcdef0123456789abcdeg", "+1234567+9abcdef0123456789abcdef", "00000000000000000000000000000000",
        ])
    func missing(text: String?) throws {
        let error = #expect(throws: ConfigurationError.self) { try identity(ofMachine: text) }
        #expect(error?.description.contains("Set -cluster-id") == true, "\(error as Any)")
    }

    @Test(
        "is refused when it cannot be a tag", arguments: [" ", "a b", "a\n", "ü", String(repeating: "x", count: 129)])
    func unusable(text: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try ClusterIdentity(configured: text, machineIDFile: "/nowhere")
        }
        #expect(
            error?.description.hasPrefix("-cluster-id (CLUSTER_ID): the value must have") == true, "\(error as Any)")
    }
}
