import LinuxIO
import TestSupport
import Testing

@testable import FakeCloud

/// Machines in a temporary directory, with a script as forwarder: the tests cover only their host.
struct MachineFixture: Sendable {
    let root: String
    let loop: EpollLoop
    /// The network of machines that are hosts; nil: machines are processes.
    var home: NetworkNamespace?

    /// Whether `fake-pod-vm` is built.
    static var isBuilt: Bool { Files.isExecutable(built + "/fake-pod-vm") }

    /// Whether the real forwarder is built, too.
    static var isBuiltWhole: Bool { isBuilt && Files.isExecutable(built + "/agent-protocol-forwarder") }

    /// The directory of built programs.
    static let built = Files.parent(of: SystemInfo.executablePath)

    /// Runs `body` on a new loop with a new directory of machines; afterwards no process and no file is left.
    static func run(
        in home: NetworkNamespace? = nil, within limit: Duration = .seconds(300),
        _ body: @escaping @Sendable (MachineFixture) async throws -> Void
    ) async throws {
        let root = try Files.makeTemporaryDirectory(prefix: "/tmp/machines-")
        defer { try? Files.removeTree(root) }
        try await onLoop(within: limit) { loop in
            let fixture = MachineFixture(root: root, loop: loop, home: home)
            try fixture.makePrograms()
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(fixture)) } catch { outcome = .failure(error) }
            let machines = try fixture.machines()
            for name in try machines.names() { try await machines.remove(name) }
            machines.close()
            try outcome.get()
        }
    }

    /// The directory of the machines.
    var directory: String { root + "/machines" }

    func machines(_ change: (inout LocalMachines.Options) -> Void = { _ in }) throws -> LocalMachines {
        var options = LocalMachines.Options()
        options.directory = directory
        options.programsDirectory = root + "/bin"
        options.isolation = home == nil ? .loopback : .hosts
        options.home = home
        change(&options)
        return try LocalMachines(options, on: loop)
    }

    /// Creates a machine at a reserved address; returns the address.
    @discardableResult
    func powerOn(
        _ name: String, in machines: LocalMachines, _ change: (inout MachineSpec) -> Void = { _ in }
    ) async throws -> String {
        var spec = MachineSpec(name: name)
        spec.metadataEndpoint = "http://127.0.0.1:1/imds/x"
        change(&spec)
        let address = try await machines.reserveAddress(for: name)
        try await machines.powerOn(spec, at: address)
        return address
    }

    /// Waits until a guest reports that it is provisioned.
    func awaitRunning(
        _ name: String, in machines: LocalMachines, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await eventually("\(name) runs", sourceLocation: sourceLocation) { machines.status(of: name) == .running }
    }

    /// The id of a machine's first process.
    func firstProcess(of directory: MachineDirectory) throws -> Int32 {
        let text = try DurableFile.read(directory.processNumber, limit: 100)
        return try #require(Int32(String(decoding: text, as: UTF8.self)))
    }

    /// The processes that have a machine's power file open.
    func processes(of directory: MachineDirectory, named name: String = "") -> [Int32] {
        ProcessTable.all().map(\.pid).filter { pid in
            let mark = "/proc/\(pid)/fd/\(MachineDirectory.powerDescriptor)"
            guard Files.isSame(mark, directory.power),
                let text = try? DurableFile.read("/proc/\(pid)/comm", limit: 100)
            else { return false }
            return String(decoding: text, as: UTF8.self).hasPrefix(name)
        }
    }

    /// Connects to a socket on which another process will listen.
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

    /// Waits up to thirty seconds for the effect of another process.
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
        try Files.link(MachineFixture.built + "/fake-pod-vm", at: root + "/bin/fake-pod-vm")
        let script = """
            #!/bin/sh
            if [ "$1" = provision ]; then
                [ "$2" = -imds-endpoint ] && printf %s "$3" >"$5/apf.json"
                exit
            fi
            exec sleep 1000
            """
        try Files.write(script.utf8, to: root + "/bin/agent-protocol-forwarder", at: 0, mode: 0o755)
    }
}
