import LinuxIO
import TestSupport
import Testing

@testable import FakeCloud

/// Machines in a directory of their own, whose forwarder is a script: only what hosts them is under test.
struct MachineFixture: Sendable {
    let root: String
    let loop: EpollLoop
    /// The network that machines are hosts of; nil: they are none.
    var home: NetworkNamespace?

    /// Whether `fake-pod-vm` is where the build puts it.
    static var isBuilt: Bool { Files.isExecutable(built + "/fake-pod-vm") }

    /// Whether the real forwarder is there as well.
    static var isBuiltWhole: Bool { isBuilt && Files.isExecutable(built + "/agent-protocol-forwarder") }

    /// Where the build puts programs.
    static let built = Files.parent(of: SystemInfo.executablePath)

    /// Runs `body` on a fresh loop with a fresh directory of machines, and leaves neither a process nor a file of it.
    static func run(
        in home: NetworkNamespace? = nil, _ body: @escaping @Sendable (MachineFixture) async throws -> Void
    ) throws {
        let root = try Files.makeTemporaryDirectory(prefix: "/tmp/machines-")
        defer { try? Files.removeTree(root) }
        try EpollLoop.run { loop in
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

    /// Where the machines are.
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

    /// Makes a machine at the address that is reserved for it, which it returns.
    @discardableResult
    func powerOn(
        _ name: String, in machines: LocalMachines, _ change: (inout MachineOrder) -> Void = { _ in }
    ) async throws -> String {
        var order = MachineOrder(name: name)
        order.metadataEndpoint = "http://127.0.0.1:1/imds/x"
        change(&order)
        let address = try await machines.reserveAddress(for: name)
        try await machines.powerOn(order, at: address)
        return address
    }

    /// Waits until a guest calls itself provisioned.
    func awaitRunning(
        _ name: String, in machines: LocalMachines, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await eventually("\(name) runs", sourceLocation: sourceLocation) { machines.status(of: name) == .running }
    }

    /// The number of a machine's first process.
    func firstProcess(of directory: MachineDirectory) throws -> Int32 {
        let text = try DurableFile.read(directory.processNumber, limit: 100)
        return try #require(Int32(String(decoding: text, as: UTF8.self)))
    }

    /// The processes that are known by their descriptor to be of a machine.
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
