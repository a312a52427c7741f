import LinuxIO
import NetworkRig
import PodNetwork
import TestSupport
import Testing

@testable import PeerPodControl

/// A machine of its own for a test: nothing of it is seen on the real one.
private struct Machine: Sendable {
    let directory: TemporaryDirectory
    let host: NetworkNamespace
    var place: ClusterNetwork.Place

    init() throws {
        directory = try TemporaryDirectory()
        host = try NetworkNamespace.make(named: "host")
        try Lab.up("lo", try Lab.socket(host))
        place = ClusterNetwork.Place(
            directory: directory.path + "/run", namespaces: directory.path + "/netns")
    }

    /// The machine as another process of it has it.
    func cluster(on loop: EpollLoop) -> ClusterNetwork { ClusterNetwork(place, in: host, on: loop) }

    /// The names of all interfaces, and of all files and namespaces.
    var things: [String] {
        get throws {
            func tree(_ path: String) -> [String] {
                guard Files.isDirectory(path) else { return Files.exists(path) ? [path] : [] }
                return ((try? Files.list(path)) ?? []).flatMap { tree("\(path)/\($0)") }
            }
            return try Lab.socket(host).links().map(\.name).sorted() + tree(place.directory) + tree(place.namespaces)
        }
    }
}

@Suite(
    "The network of peerpodctl run -network",
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
struct ClusterNetworkTests {
    @Test("gives a pod an address and a route to the machine and to the other pods, and leaves nothing")
    func pods() async throws {
        try await onLoop { loop in
            let machine = try Machine()
            let before = try machine.things
            // Two runs at the same time.
            let (one, other) = (machine.cluster(on: loop), machine.cluster(on: loop))
            let (first, second) = (try await one.takeNumber(), try await other.takeNumber())
            try await one.makeNamespace(first)
            try await other.makeNamespace(second)
            #expect(first.address.network == second.address.network && first.address != second.address)
            #expect(![first.address.address, second.address.address].contains(first.gateway))
            #expect(first.address.length == 22 && "\(first.address)".hasPrefix("198.19."))
            let inside = try NetworkNamespace(opening: first.path)
            #expect(try Lab.pings("\(first.gateway)", from: inside))
            #expect(try Lab.pings("\(second.address.address)", from: inside))
            #expect(try Lab.pings("\(first.address.address)", from: machine.host))
            try await one.giveBack(first)
            try await one.clear()
            #expect(try Lab.pings("\(second.address.address)", from: machine.host), "the other run's pod stays")
            try await other.giveBack(second)
            try await other.clear()
            #expect(try machine.things == before)
        }
    }

    @Test("stays the same during a run, also while the network has no pod for a short time")
    func oneAfterTheOther() async throws {
        try await onLoop { loop in
            let machine = try Machine()
            let cluster = machine.cluster(on: loop)
            var addresses: [NetPrefix] = []
            for _ in 0..<3 {
                let number = try await cluster.takeNumber()
                addresses.append(number.address)
                try await cluster.giveBack(number)
            }
            #expect(Set(addresses.map(\.network)).count == 1)
            #expect(Set(addresses).count == 3)
            let bridge = try #require(try Lab.socket(machine.host).link(named: "peerpodctl0"))
            #expect(try Lab.socket(machine.host).addresses(of: bridge).count { !$0.address.isVersion6 } == 1)
            try await cluster.clear()
        }
    }

    @Test("gives no number twice, to any number of concurrent pods")
    func many() async throws {
        try await onLoop { loop in
            let machine = try Machine()
            let before = try machine.things
            let clusters = [machine.cluster(on: loop), machine.cluster(on: loop), machine.cluster(on: loop)]
            let addresses = try await withThrowingTaskGroup(of: NetPrefix.self) { group in
                for number in 0..<30 {
                    group.addTask(executorPreference: loop) {
                        let cluster = clusters[number % clusters.count]
                        let taken = try await cluster.takeNumber()
                        try await cluster.makeNamespace(taken)
                        try await loop.sleep(for: .milliseconds(100))
                        try await cluster.giveBack(taken)
                        return taken.address
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(addresses).count == 30, "an address that was just given back is not given out at once")
            for cluster in clusters { try await cluster.clear() }
            #expect(try machine.things == before)
        }
    }

    @Test("removes what a killed run has left, and nothing of a run in progress")
    func killed() async throws {
        try await onLoop { loop in
            let machine = try Machine()
            let before = try machine.things
            let living = machine.cluster(on: loop)
            let kept = try await living.takeNumber()
            try await living.makeNamespace(kept)
            let withOne = try machine.things
            func die() async throws {
                let dying = machine.cluster(on: loop)
                // Killed with one namespace made, and another not yet: the locks go with the process.
                try await dying.makeNamespace(try await dying.takeNumber())
                _ = try await dying.takeNumber()
            }
            try await die()
            #expect(try machine.things.count > withOne.count)
            try await machine.cluster(on: loop).clear()
            #expect(try machine.things == withOne)
            try await die()
            let next = machine.cluster(on: loop)
            let number = try await next.takeNumber()
            #expect(try machine.things.count == withOne.count + 1, "its number, and no namespace yet")
            try await next.giveBack(number)
            try await living.giveBack(kept)
            try await next.clear()
            #expect(try machine.things == before)
        }
    }

    @Test("uses a network that this machine does not use otherwise, and reports when there is none")
    func taken() async throws {
        try await onLoop { loop in
            var machine = try Machine()
            func network(on machine: Machine) async throws -> NetPrefix {
                let cluster = machine.cluster(on: loop)
                let number = try await cluster.takeNumber()
                try await cluster.giveBack(number)
                try await cluster.clear()
                return number.address.network
            }
            let free = try await network(on: machine)
            #expect(try await network(on: machine) == free, "the same one as long as it is free")
            try Lab.up("lo", try Lab.socket(machine.host), ["\(free.address)/32"])
            #expect(try await network(on: machine) != free)
            machine.place.pool = "\(free)"
            let last = machine
            let failure = await #expect(throws: PodFailure.self) { _ = try await network(on: last) }
            #expect(failure?.message.contains("has an address or a route in each of them") == true)
            #expect(failure?.advice.isEmpty == false)
            try await machine.cluster(on: loop).clear()
            #expect(!Files.exists(machine.place.directory))
        }
    }

    @Test("is refused when another interface has its name, with what to do, and leaves nothing")
    func nameTaken() async throws {
        try await onLoop { loop in
            let machine = try Machine()
            try Lab.socket(machine.host).createVethPair("peerpodctl0", "other", in: machine.host)
            let before = try machine.things
            let cluster = machine.cluster(on: loop)
            let failure = await #expect(throws: PodFailure.self) { _ = try await cluster.takeNumber() }
            #expect(failure?.message.contains("peerpodctl0") == true)
            #expect(failure?.advice.isEmpty == false)
            #expect(try machine.things == before)
            #expect(!Files.exists(machine.place.directory), "the failed try must leave no directory")
        }
    }
}
