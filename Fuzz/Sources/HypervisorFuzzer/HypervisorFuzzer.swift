internal import Fuzzing
internal import LinuxIO
internal import PodVMLifecycle
internal import RemoteHypervisor
internal import TTRPC

/// Shims send any requests, in any order and concurrently, and close their connections at any time. Requests are understood or
/// refused. When every sandbox is stopped, nothing remains.
@main
struct HypervisorFuzzer {
    static func main() {
        Fuzzer.run { input in
            understand(input)
            do {
                try EpollLoop.run { loop in try await live(input, on: loop) }
            } catch {
                fail("the node ended: \(error)")
            }
        }
    }

    /// A request becomes a valid command, or INVALID_ARGUMENT.
    private static func understand(_ input: [UInt8]) {
        do throws(Status) {
            let request = try SandboxRequest(parsingCreateVM: input)
            let id = request.id.rawValue
            require((1...128).contains(id.utf8.count), "an id of \(id.utf8.count) bytes")
            require(id.utf8.allSatisfy(isPlain) && id.utf8.first.map(isAlphanumeric) == true, "the id '\(id)'")
            require(!request.podName.isEmpty && !request.podNamespace.isEmpty, "a pod without a name")
            require(VMName.make(pod: request.podName, sandbox: request.id).rawValue.utf8.count <= 63, "a long VM name")
        } catch {
            require(error.code == .invalidArgument, "\(error)")
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
    }

    private static func live(_ input: [UInt8], on loop: EpollLoop) async throws {
        // The records are in memory, because thousands of records a second would wear out a disk.
        let directory = try Files.makeTemporaryDirectory(prefix: "/dev/shm/hypervisor-fuzzer-")
        defer { try? Files.removeTree(directory) }
        var dice = Dice(input)
        let world = World(dice: &dice, loop: loop)
        let supervisor = SandboxSupervisor(podsDirectory: directory, provider: world, connector: world, loop: loop)
        try await supervisor.load()
        let server = Server(HypervisorService.services(of: supervisor), on: loop)
        async let _: Void = supervisor.run()
        try await withThrowingDiscardingTaskGroup { group in
            let shim = Shim(server: server, loop: loop)
            for _ in 0..<10 where !dice.isEmpty {
                let step = Shim.Step(&dice)
                if dice.number(below: 2) == 0 {
                    await shim.take(step)
                } else {
                    group.addTask { await shim.take(step) }
                    await world.pause(dice.number(below: 4))
                }
            }
        }
        for sandbox in supervisor.sandboxes() { try await supervisor.stop(sandbox.id) }
        let end = ContinuousClock.now + .seconds(5)
        while !supervisor.sandboxes().isEmpty, .now < end { try await loop.sleep(for: .milliseconds(1)) }
        require(supervisor.sandboxes().isEmpty, "sandboxes remain: \(supervisor.sandboxes())")
        require(world.remains.isEmpty, "resources remain: \(world.remains)")
        let files = try Files.list(directory)
        require(files.isEmpty, "files remain: \(files)")
    }
}
