import LinuxIO
import NetworkRig
import PacketFilter
import Testing

@testable import PodNetwork

extension RealNamespaces {
    @Suite("two hundred pods")
    struct LeakTests {
        @Test("start and end twenty at a time, and leave nothing")
        func twoHundred() async throws {
            let lab = try Lab()
            let peers = try UntrackedPeers(port: Lab.port, in: lab.node)
            let (descriptors, namespaces) = (Census.descriptors, Census.namespaces)
            let (nodeBefore, vmBefore) = (try Census(lab.node), try Census(lab.vm))
            let underlay = try await lab.nodeNetworks.underlay(named: "under0", toward: try address("10.0.0.2"))
            do {
                let pods = try (0..<200).map { number in
                    (
                        pod: try lab.makePod(number), home: try NetworkNamespace.make(named: "podns"),
                        id: UInt32(555_000 + number), peer: "10.1.0.\(number)"
                    )
                }
                let before = try Census(pods[7].pod)
                try await withThrowingTaskGroup { group in
                    for (pod, home, id, peer) in pods {
                        group.addTask {
                            let interface = try await lab.nodeNetworks.inspect(pod.path)
                            let vm = try address("10.0.0.2")
                            try await peers.add(peer)
                            try await lab.nodeNetworks.setUp(
                                try NodeNetworkPlan(
                                    for: interface, over: underlay, identifier: id, port: Lab.port, vm: vm),
                                in: pod.path)
                            try await lab.vmNetworks.setUp(
                                try GuestNetworkPlan(
                                    for: interface, over: underlay, identifier: id, port: Lab.port, vm: vm),
                                in: home.path)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await peers.all().count == 200)
                for number in [0, 99, 199] {
                    #expect(try Lab.pings("10.244.1.1", from: pods[number].home))
                }
                try await withThrowingTaskGroup { group in
                    for (pod, home, id, peer) in pods {
                        group.addTask {
                            try await lab.nodeNetworks.removeNodeNetwork(
                                podInterface: "eth0", identifier: id, in: pod.path)
                            try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: home.path)
                            try await peers.remove(peer)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try Census(pods[7].pod) == before)
                #expect(try Lab.socket(pods[199].home).links().map(\.name) == ["lo"])
                // The CNI would do this: its bridge's ports go with the namespaces.
            }
            // The kernel takes namespaces apart in the background.
            for _ in 0..<1000 {
                let isDone = try Census(lab.node) == nodeBefore && Census.descriptors <= descriptors
                if isDone, Census.namespaces <= namespaces + 100 { break }
                _ = try NetworkNamespace.make()
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try Lab.command("nft list ruleset", in: lab.node) == "")
            // Other tests of this process may have a few meanwhile; one for each pod would be two hundred.
            #expect(Census.descriptors < descriptors + 50)
            #expect(try Census(lab.node) == nodeBefore)
            #expect(try Census(lab.vm) == vmBefore)
            // The slab allocator counts what lies about free in its own stores, too.
            #expect(Census.namespaces <= namespaces + 100)
        }
    }
}
