import HTTPTransport
import KataProtocol
import LinuxIO
import NetworkRig
import PodNetwork
import ShimRig
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import FakeCloud

/// Machines that are hosts, on a bridge in a network of the test.
@Suite(
    .enabled(if: MachineFixture.isBuilt, "fake-pod-vm is not built: run swift build first"),
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
struct HostMachineTests {
    @Test("a machine has its own interfaces, mounts, processes and name, with the paths of a pod VM")
    func isolation() async throws {
        let home = try NetworkNamespace.make(named: "home")
        try await MachineFixture.run(in: home) { fixture in
            let machines = try fixture.machines()
            let address = try await fixture.powerOn("podvm-a", in: machines)
            try await fixture.awaitRunning("podvm-a", in: machines)
            let first = try fixture.firstProcess(of: machines.directoryOf("podvm-a"))
            for namespace in ["net", "mnt", "pid", "uts"] {
                #expect(!Files.isSame("/proc/\(first)/ns/\(namespace)", "/proc/thread-self/ns/\(namespace)"))
            }
            try await fixture.withAgent(of: "podvm-a", in: machines) { agent in
                #expect(try await agent.output(of: "hostname; ls /run") == "podvm-a\nkata-containers\nnetns\npeerpod\n")
                let processes = try await agent.output(of: "echo $PPID; ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm")
                #expect(processes.hasSuffix("fake-pod-vm\n") && processes.utf8.count < 20, "few, with small numbers")
                #expect(try await agent.output(of: "ip -4 -o addr show eth0").contains(" \(address)/22 "))
                #expect(
                    try await agent.output(of: "ip -o link show eth0").contains(" 02:00:c6:12:"),
                    "goes with the address")
                #expect(try await agent.output(of: "ls /proc/1/root/run/netns") == "podns\n")
                let inPod = try await agent.output(of: "ip -o link; ip route", in: "/run/netns/podns")
                #expect(inPod.contains("lo: <LOOPBACK,UP") && inPod.split(separator: "\n").count == 1)
            }
        }
        #expect(try links(of: home) == ["lo"])
    }

    @Test("the metadata service is reachable in the machine, and not in podns")
    func metadata() async throws {
        let home = try NetworkNamespace.make(named: "home")
        try await MachineFixture.run(in: home) { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines)
            try await fixture.awaitRunning("podvm-a", in: machines)
            let listener = try #require(try machines.metadataListener(of: "podvm-a"))
            try await fixture.withAgent(of: "podvm-a", in: machines) { agent in
                let ask = "exec 3<>/dev/tcp/169.254.169.254/80 && echo reached"
                #expect(try await agent.output(of: "bash -c '\(ask)'") == "reached\n")
                _ = try await listener.accept()
                #expect(try await agent.output(of: "bash -c '\(ask)' 2>/dev/null", in: "/run/netns/podns") == "")
            }
            listener.close()
            // As in a later process.
            let again = try #require(try fixture.machines().metadataListener(of: "podvm-a"))
            again.close()
        }
        #expect(try links(of: home) == ["lo"])
    }

    @Test("machines reach each other and the node, and a later process continues with the same subnet")
    func later() async throws {
        let home = try NetworkNamespace.make(named: "home")
        try await MachineFixture.run(in: home) { fixture in
            let machines = try fixture.machines()
            let one = try await fixture.powerOn("podvm-a", in: machines)
            let later = try fixture.machines()
            #expect(later.network == machines.network)
            let other = try await fixture.powerOn("podvm-b", in: later)
            #expect(one != other)
            for name in ["podvm-a", "podvm-b"] { try await fixture.awaitRunning(name, in: later) }
            for address in [one, other] { #expect(try Lab.pings(address, from: home)) }
            try await fixture.withAgent(of: "podvm-b", in: later) { agent in
                let heard = try await agent.output(of: "ping -n -c 1 -W 1 \(one) >/dev/null && echo reached")
                #expect(heard == "reached\n")
            }
        }
        #expect(try links(of: home) == ["lo"])
    }

    @Test("leaves only its directory when its first process is killed, and nothing after its removal")
    func killed() async throws {
        let home = try NetworkNamespace.make(named: "home")
        let before = try mounts()
        try await MachineFixture.run(in: home) { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines)
            try await fixture.awaitRunning("podvm-a", in: machines)
            let directory = machines.directoryOf("podvm-a")
            try await fixture.eventually("three programs run") { fixture.processes(of: directory).count == 3 }
            let processes = fixture.processes(of: directory)
            ProcessTree.signal(try fixture.firstProcess(of: directory), Signals.kill)
            try await fixture.eventually("all have died") { !processes.contains(where: ProcessTree.isAlive) }
            // No listener keeps its network alive, so the kernel removes the veth pair.
            try machines.metadataListener(of: "podvm-a")?.close()
            try await fixture.eventually("the cable is gone") { try links(of: home).count == 2 }
            try await machines.remove("podvm-a")
            #expect(!Files.exists(directory.path))
        }
        #expect(try links(of: home) == ["lo"])
        #expect(try mounts() == before)
    }

    @Test("creates and removes twenty machines at once, and leaves nothing")
    func many() async throws {
        let home = try NetworkNamespace.make(named: "home")
        try await MachineFixture.run(in: home) { fixture in
            let machines = try fixture.machines()
            let names = (0..<20).map { "podvm-\($0)" }
            let addresses = try await withThrowingTaskGroup(of: String.self) { group in
                for name in names { group.addTask { try await fixture.powerOn(name, in: machines) } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(addresses.count == 20)
            for name in names { try await fixture.awaitRunning(name, in: machines) }
            #expect(try links(of: home).count == 22)
            #expect(try !Lab.command("ip neigh show", in: home).contains("PERMANENT"))
            let processes = names.flatMap { fixture.processes(of: machines.directoryOf($0)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names { group.addTask { try await machines.remove(name) } }
                try await group.waitForAll()
            }
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
            #expect(try links(of: home).count == 2)
            let neighbors = try Lab.command("ip neigh show", in: home)
            #expect(!addresses.contains { neighbors.contains("\($0) ") }, "\(neighbors)")
        }
        #expect(try links(of: home) == ["lo"])
    }

    @Test("a cloud that was killed leaves a bridge, which the next cloud on this host removes")
    func cleared() async throws {
        let home = try NetworkNamespace.make(named: "home")
        try await MachineFixture.run(in: home) { fixture in
            func cloud(_ name: String) throws -> LocalMachines {
                try fixture.machines { $0.directory = "\(fixture.root)/\(name)/machines" }
            }
            // None is closed.
            for name in ["killed", "removed", "working"] { _ = try cloud(name) }
            let busy = try cloud("busy")
            try await fixture.powerOn("podvm-a", in: busy)
            let working = try FileLock.take("\(fixture.root)/working/lock")
            for name in ["killed", "busy"] { _ = try FileLock.take("\(fixture.root)/\(name)/lock") }
            try Files.removeTree("\(fixture.root)/removed")
            #expect(try links(of: home).count == 6, "lo, a cable, four bridges")

            let next = try fixture.machines()
            #expect(try links(of: home).count == 5, "lo, a cable, the bridges of three")
            try await busy.remove("podvm-a")
            _ = consume working
            _ = try cloud("other")
            #expect(try links(of: home).count == 3, "lo, and two bridges whose clouds may still run")
            next.close()
            try cloud("other").close()
        }
        #expect(try links(of: home) == ["lo"])
    }

    @Test("two clouds have different subnets, and a restarted cloud has its earlier one")
    func subnets() async throws {
        let home = try NetworkNamespace.make(named: "home")
        try await MachineFixture.run(in: home) { one in
            let first = try one.machines()
            let address = try await one.powerOn("podvm-a", in: first)
            try await MachineFixture.run(in: home) { other in
                let second = try other.machines()
                #expect(first.network != second.network)
                let network = address.split(separator: ".").prefix(2)
                #expect(try await second.reserveAddress(for: "podvm-a").split(separator: ".").prefix(2) == network)
                #expect(try links(of: home).count == 4)
            }
            first.close()
            #expect(try links(of: home).count == 3, "a machine needs it")
            try await first.remove("podvm-a")
            first.close()
            first.close()
            #expect(try links(of: home) == ["lo"])
            #expect(try one.machines().network == first.network)
        }
    }
}

/// The names of a namespace's interfaces.
private func links(of namespace: NetworkNamespace) throws -> [String] {
    try Lab.socket(namespace).links().map(\.name)
}

/// The mounts of this process at the paths where machines have their own.
private func mounts() throws -> [String] {
    let table = String(decoding: try DurableFile.read("/proc/thread-self/mounts", limit: 1 << 20), as: UTF8.self)
    return table.split(separator: "\n").map(String.init).filter { line in
        ["/", "/proc", "/run", "/run/netns/podns"].contains { line.contains(" \($0) ") }
    }
}

extension MachineFixture {
    /// Calls `body` with a client of the agent in a machine that is a host.
    func withAgent(
        of name: String, in machines: LocalMachines, _ body: @escaping @Sendable (AgentClient) async throws -> Void
    ) async throws {
        let socket = machines.directoryOf(name).guest + "/kata-containers/agent.sock"
        let stream = try await connect(to: .unix(path: socket))
        try await Client.with(stream, on: loop) { try await body(AgentClient(client: $0)) }
    }
}

/// Runs shell scripts in a machine.
struct AgentClient: Sendable {
    let client: Client
    private let number = Lock(0)

    init(client: Client) { self.client = client }

    /// The output of a script in a new container of the VM, or in a network namespace there.
    func output(of script: String, in network: String? = nil) async throws -> String {
        let id = number.withLock { number in
            number += 1
            return "c\(number)"
        }
        let create = CreateContainerRequest.with {
            $0.containerID = id
            $0.oci = .with { spec in
                spec.process = .with { $0.arguments = ["sh", "-c", script] }
                guard let network else { return }
                spec.linux = .with { linux in
                    linux.namespaces = [
                        .with {
                            $0.type = "network"
                            $0.path = network
                        }
                    ]
                }
            }
        }
        _ = try await client.call(AgentService.createContainer, create)
        return try await client.output(ofContainer: id)
    }
}
