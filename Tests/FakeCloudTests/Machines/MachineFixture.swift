import LinuxIO
import PodVMLifecycle
import Testing

@testable import FakeCloud

/// A fake cloud in a directory of its own, whose forwarder is a script: only the cloud itself is under test.
struct CloudFixture: Sendable {
    let root: String
    let loop: EpollLoop

    /// Whose VMs they all are.
    static let sandbox: SandboxID = {
        do { return try SandboxID(validating: "sandbox-1") } catch { preconditionFailure("\(error)") }
    }()

    /// Whether `fake-pod-vm` is where the build puts it.
    static var isBuilt: Bool { Files.isExecutable(built + "/fake-pod-vm") }

    /// Whether the real forwarder is there as well.
    static var isBuiltWhole: Bool { isBuilt && Files.isExecutable(built + "/agent-protocol-forwarder") }

    /// Where the build puts programs.
    static let built = Files.parent(of: SystemInfo.executablePath)

    /// Runs `body` on a fresh loop with a fresh cloud directory, and leaves neither a process nor a file of it.
    static func run(_ body: @escaping @Sendable (CloudFixture) async throws -> Void) throws {
        let root = try Files.makeTemporaryDirectory(prefix: "/tmp/fake-cloud-")
        defer { try? Files.removeTree(root) }
        try EpollLoop.run { loop in
            let fixture = CloudFixture(root: root, loop: loop)
            try fixture.makePrograms()
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(fixture)) } catch { outcome = .failure(error) }
            let cloud = try fixture.cloud()
            for instance in try await cloud.instances() {
                try await cloud.deleteInstance(instance.id, of: CloudFixture.sandbox)
            }
            try outcome.get()
        }
    }

    func cloud(_ change: (inout FakeCloudOptions) -> Void = { _ in }) throws -> LocalCloud {
        var options = FakeCloudOptions()
        options.stateDirectory = root + "/vms"
        options.programsDirectory = root + "/bin"
        change(&options)
        return try LocalCloud(options, on: loop)
    }

    func create(
        _ name: String, in cloud: LocalCloud, userData: String = "dXNlciBkYXRh"
    ) async throws -> Instance {
        let spec = InstanceSpec(
            name: InstanceID(rawValue: name), podName: "pod", podNamespace: "default", requirements: Requirements(),
            userData: userData, tags: [InstanceTags.pod: "pod"])
        return try await cloud.createInstance(for: CloudFixture.sandbox, from: spec)
    }

    /// The number of a VM's first process.
    func firstProcess(of directory: MachineDirectory) throws -> Int32 {
        let text = try DurableFile.read(directory.processNumber, limit: 100)
        return try #require(Int32(String(decoding: text, as: UTF8.self)))
    }

    /// The processes that are known by their descriptor to be of a VM.
    func processes(of directory: MachineDirectory, named name: String = "") -> [Int32] {
        ProcessTable.all().map(\.pid).filter { pid in
            let mark = "/proc/\(pid)/fd/\(MachineDirectory.powerDescriptor)"
            guard Files.isSame(mark, directory.power),
                let text = try? DurableFile.read("/proc/\(pid)/comm", limit: 100)
            else { return false }
            return String(decoding: text, as: UTF8.self).hasPrefix(name)
        }
    }

    /// Connects to a socket that another process is about to listen on.
    func connect(to address: SocketAddress) async throws -> Stream {
        let limit = ContinuousClock.now.advanced(by: .seconds(120))
        while true {
            do {
                return try await Stream.connect(to: address, on: loop)
            } catch  where ContinuousClock.now < limit {
                try await loop.sleep(for: .milliseconds(5))
            }
        }
    }

    /// Waits for what another process is about to do, up to thirty seconds.
    func eventually(
        _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () throws -> Bool
    ) async throws {
        let limit = ContinuousClock.now.advanced(by: .seconds(120))
        while ContinuousClock.now < limit {
            if try isSo() { return }
            try await loop.sleep(for: .milliseconds(5))
        }
        Issue.record("in thirty seconds it did not come to this: \(what)", sourceLocation: sourceLocation)
    }

    private func makePrograms() throws {
        try Files.makeDirectories(root + "/bin")
        try Files.link(CloudFixture.built + "/fake-pod-vm", at: root + "/bin/fake-pod-vm")
        let script = """
            #!/bin/sh
            [ "$1" = provision ] && exec cp "$3" "$5/apf.json"
            exec sleep 1000
            """
        try Files.write(script.utf8, to: root + "/bin/agent-protocol-forwarder", at: 0, mode: 0o755)
    }
}
