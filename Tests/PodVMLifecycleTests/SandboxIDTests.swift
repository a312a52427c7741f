import PodVMLifecycle
import Testing

@Suite("Sandbox ids and VM names")
struct SandboxIDTests {
    @Test("accepts the ids that containerd, CRI-O and users give", arguments: ["0a1b", "A", "pod-1_x.y", "9"])
    func good(text: String) throws {
        #expect(try SandboxID(validating: text).rawValue == text)
    }

    @Test("accepts 128 bytes and refuses 129")
    func length() throws {
        #expect(throws: Never.self) { try SandboxID(validating: String(repeating: "a", count: 128)) }
        #expect(throws: LifecycleError.self) { try SandboxID(validating: String(repeating: "a", count: 129)) }
    }

    @Test(
        "refuses an id that is not safe in a path",
        arguments: ["", ".", "..", "../x", "a/b", "/", "a\0b", "-a", "_a", ".a", "a b", "ä", "a\n"])
    func bad(text: String) {
        let error = #expect(throws: LifecycleError.self) { try SandboxID(validating: text) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("names a VM as the Go adaptor does")
    func vmName() throws {
        let id = try SandboxID(validating: "0a1b2c3d4e5f60718293a4b5c6d7e8f9")
        #expect(VMName.make(pod: "nginx", sandbox: id).rawValue == "podvm-nginx-0a1b2c3d")
        #expect(VMName.make(pod: "My.Pod_1", sandbox: id).rawValue == "podvm-my-pod-1-0a1b2c3d")
    }

    @Test("gives VM names with the length and the characters of a host name")
    func vmNameLimits() throws {
        let id = try SandboxID(validating: "UPPER_and.dots")
        let name = VMName.make(pod: String(repeating: "Ü.x", count: 90), sandbox: id).rawValue
        #expect(name.utf8.count == VMName.lengthLimit)
        #expect(name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") })
    }

    @Test("gives different names to sandboxes whose ids begin with the same characters")
    func likeIDs() throws {
        let names = try (0..<200).map { VMName.make(pod: "p", sandbox: try SandboxID(validating: "sandbox-\($0)")) }
        #expect(Set(names).count == 200)
    }

    @Test("gives the same name in every process")
    func stableName() throws {
        let id = try SandboxID(validating: "sandbox-1")
        #expect(VMName.make(pod: "p", sandbox: id).rawValue == "podvm-p-66e9c9f5")
    }
}
