import Glibc
import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

extension RealNamespaces {
    @Suite("a network of this host")
    struct LocalNetworkTests {
        private let host: NetworkNamespace
        private let network: LocalNetwork

        init() throws {
            host = try .make(named: "host")
            network = LocalNetwork(
                bridge: "ppf0123abcd", gateway: try prefix("198.18.4.1/22"), further: [try prefix("fd00:18::1/64")],
                in: host)
        }

        @Test("connects its hosts with each other and with this host, over IPv4 and IPv6")
        func joins() throws {
            try network.make()
            let (one, two) = (try NetworkNamespace.make(named: "one"), try NetworkNamespace.make(named: "two"))
            let found = try network.plug(
                one, port: "ppf0", addresses: [try prefix("198.18.4.2/22"), try prefix("fd00:18::2/64")])
            try network.plug(two, port: "ppf1", interface: "net0", addresses: [try prefix("198.18.4.3/22")])
            #expect(try Lab.socket(one).made("eth0").hardwareAddress == found)
            #expect(try network.ports().sorted() == ["ppf0", "ppf1"])
            #expect(try Lab.pings("198.18.4.3", from: one))
            #expect(try Lab.pings("198.18.4.2", from: host))
            #expect(try Lab.pings("fd00:18::1", from: one, "-6"))
            let defaults = try [one, two].map { host in
                try Lab.socket(host).routes().filter(\.route.destination.isEverything).compactMap(\.route.gateway)
            }
            #expect(defaults.map { $0.map(\.description).sorted() } == [["198.18.4.1", "fd00:18::1"], ["198.18.4.1"]])
        }

        @Test("a neighbour entry can be permanent or not, and can be removed")
        func neighbors() throws {
            try network.make()
            let socket = try Lab.socket(host)
            let bridge = try socket.made("ppf0123abcd")
            let known = PodNeighbor(try address("198.18.4.9"), is: try ethernet("02:00:c6:12:04:09"))
            try socket.add(known, on: bridge, forGood: false)
            #expect(try socket.permanentNeighbors(on: bridge).isEmpty)
            try socket.add(known, on: bridge)
            #expect(try socket.permanentNeighbors(on: bridge) == [known])
            #expect(try socket.remove(known, on: bridge))
            #expect(try !Lab.command("ip neigh show", in: host).contains("198.18.4.9"))
        }

        @Test("is unchanged when made again, and the gateway's Ethernet address stays when hosts come and go")
        func again() throws {
            try network.make()
            let bridge = try Lab.socket(host).made("ppf0123abcd")
            let one = try NetworkNamespace.make(named: "one")
            let addresses = [try prefix("198.18.4.2/22"), try prefix("fd00:18::2/64")]
            let first = try network.plug(one, port: "ppf0", addresses: addresses)
            let (before, hostBefore) = (try Census(one), try Census(host))
            try network.make()
            #expect(try network.plug(one, port: "ppf0", addresses: addresses) == first)
            #expect(try Census(one) == before)
            #expect(try Census(host) == hostBefore)
            #expect(try Lab.socket(host).made("ppf0123abcd").hardwareAddress == bridge.hardwareAddress)
            try network.unplug(port: "ppf0")
            #expect(try Lab.socket(one).link(named: "eth0") == nil)
            try network.unplug(port: "ppf0")
            // The next host gets the port that an earlier host has left.
            try network.plug(one, port: "ppf0", addresses: addresses)
            let two = try NetworkNamespace.make(named: "two")
            try network.plug(two, port: "ppf0", addresses: addresses)
            #expect(try Lab.socket(one).link(named: "eth0") == nil)
            #expect(try Lab.pings("198.18.4.2", from: host))
            try network.remove()
            try network.remove()
            #expect(try network.ports() == [])
        }

        @Test("carries large packets when configured so")
        func jumbo() throws {
            let large = LocalNetwork(bridge: "ppf1", gateway: try prefix("198.18.8.1/22"), mtu: 9000, in: host)
            try large.make()
            let one = try NetworkNamespace.make(named: "one")
            try large.plug(one, port: "ppf1-1", addresses: [try prefix("198.18.8.2/22")])
            #expect(try Lab.pings("198.18.8.1", from: one, "-M do -s \(9000 - 28)"))
        }

        @Test("does not change interfaces of other programs, and reports them")
        func foreign() throws {
            let socket = try Lab.socket(host)
            let one = try NetworkNamespace.make(named: "one")
            let missing = #expect(throws: PodNetworkError.self) {
                try network.plug(one, port: "ppf0", addresses: [try prefix("198.18.4.2/22")])
            }
            #expect(missing?.code == .noPrimaryInterface)
            try socket.createVethPair("ppf0123abcd", "there", in: one)
            let taken = #expect(throws: PodNetworkError.self) { try network.make() }
            #expect(taken?.code == .taken && taken?.reason.contains("veth") == true)
            #expect(throws: PodNetworkError.self) { try network.remove() }
            #expect(try socket.link(named: "ppf0123abcd") != nil)
            try socket.createBridge("cni0")
            let port = #expect(throws: PodNetworkError.self) { try network.unplug(port: "cni0") }
            #expect(port?.code == .taken)
            #expect(throws: PodNetworkError.self) {
                try LocalNetwork(bridge: "sixteen-bytes-xx", gateway: try prefix("198.18.4.1/22"), in: host).make()
            }
        }

        @Test("leaves nothing when the kernel refuses any of its requests", arguments: [true, false])
        func refused(isLost: Bool) throws {
            let injector = FaultInjector()
            let network = LocalNetwork(
                bridge: "ppf0123abcd", gateway: try prefix("198.18.4.1/22"), further: [try prefix("fd00:18::1/64")],
                in: host, faults: injector.faults)
            let one = try NetworkNamespace.make(named: "one")
            let (before, inOne) = (try Census(host), try Census(one))
            let outcome = isLost ? NetlinkFaults.Outcome.lose(errno: ENOBUFS) : .refuse(errno: EPERM)
            for number in 0... {
                injector.arm(number, outcome)
                do {
                    try network.make()
                    break
                } catch {
                    #expect(error.leftBehind == [])
                    #expect(try Census(host) == before, "after \(injector.calls[number])")
                }
            }
            #expect(injector.calls.count > 6)
            let made = try Census(host)
            let addresses = [try prefix("198.18.4.2/22"), try prefix("fd00:18::2/64")]
            for number in 0... {
                injector.arm(number, outcome)
                do {
                    try network.plug(one, port: "ppf0", addresses: addresses)
                    break
                } catch {
                    #expect(error.leftBehind == [])
                    #expect(try Census(host) == made, "after \(injector.calls[number])")
                    let now = try Census(one)
                    #expect(now.links == inOne.links || injector.calls[number].contains(" lo"))
                }
            }
            #expect(injector.calls.count > 12)
        }

        @Test("is free of this host's addresses and routes, and the same each time")
        func free() throws {
            let pool = try prefix("198.18.0.0/16")
            let socket = try Lab.socket(host)
            func free(_ seed: String, _ length: Int = 22) throws -> NetPrefix {
                try LocalNetwork.freeNetwork(in: pool, length: length, seed: seed, host: host)
            }
            let first = try free("/var/lib/a")
            #expect(try free("/var/lib/a") == first && first.length == 22 && pool.contains(first.address))
            #expect(first.network == first)
            // A default route is in the way of nothing, a narrower and a wider one are.
            let one = try NetworkNamespace.make(named: "one")
            try socket.createVethPair("p", "q", in: one)
            let link = try Lab.up("p", socket, ["192.0.2.1/24"])
            try Lab.up("q", try Lab.socket(one))
            try socket.add(PodRoute(to: .allVersion4, through: try address("192.0.2.2")), over: link)
            #expect(try free("/var/lib/a") == first)
            try socket.add(NetPrefix(only: first.address), to: link)
            let second = try free("/var/lib/a")
            #expect(second != first && !second.overlaps(first))
            #expect(Set(try (0..<20).map { try free("/\($0)") }).count > 10)
            try socket.add(PodRoute(to: try prefix("198.18.0.0/15")), over: link)
            let none = #expect(throws: PodNetworkError.self) { try free("/var/lib/a") }
            #expect(none?.code == .exhausted)
            #expect(throws: PodNetworkError.self) { try free("/var/lib/a", 8) }
            #expect(throws: PodNetworkError.self) { try free("/var/lib/a", 33) }
        }
    }
}

extension AddressTests {
    @Test("networks overlap when one is in the other")
    func overlap() throws {
        #expect(try prefix("10.0.0.0/8").overlaps(try prefix("10.1.0.0/16")))
        #expect(try prefix("10.1.0.0/16").overlaps(try prefix("10.0.0.0/8")))
        #expect(try !prefix("10.1.0.0/16").overlaps(try prefix("10.2.0.0/16")))
        #expect(!NetPrefix.allVersion4.overlaps(NetPrefix.allVersion6))
    }
}
